import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ContentSchema } from "../../../gen/parley/message/v1/content_pb.ts";
import {
  MessageService,
  SendMessageRequestSchema,
} from "../../../gen/parley/message/v1/message_service_pb.ts";
import { conversationIdOf } from "../account-names.ts";
import { type CommandContext, connect, type PersonOptions } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import { type RepeatOptions, repeatCall } from "../repeat-call.ts";

export interface SendOptions extends PersonOptions {
  readonly id?: string;
  readonly replyTo?: string;
}

/** `parley send TO TEXT`: sends one message and repeats it under the same id until its outcome is known. */
export async function send(
  context: CommandContext,
  to: string,
  text: string,
  options: SendOptions,
): Promise<void> {
  const connection = await connect(context, options);
  const conversationId = await conversationIdOf(connection, to);
  const body = text === "-" ? (await context.readInput()).replace(/\n$/, "") : text;
  const content = create(ContentSchema, {
    kind: { case: "text", value: { text: body } },
    replyToSeq: parseSeq(options.replyTo ?? "0"),
  });
  const clientMessageId = options.id ?? context.rng.uuid();
  const request = create(SendMessageRequestSchema, {
    conversationId,
    clientMessageId,
    content,
    retry: options.id !== undefined,
  });
  const messages = createClient(MessageService, connection.transport);
  const response = await repeatCall(repetitionOf(context), (attempt) =>
    messages.sendMessage({ ...request, retry: request.retry || attempt > 1 }),
  );
  const seq = `${response.position?.seq ?? 0n}`;
  if (options.json)
    context.print(JSON.stringify({ conversationId, seq, clientMessageId, entryId: response.entryId }));
  else context.print(`${conversationId}#${seq}`);
}

function parseSeq(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) {
    throw new CommandError(`--reply-to must be the number of an entry, it is ${text}`, exitCodes.usage);
  }
  return BigInt(text);
}

function repetitionOf(context: CommandContext): RepeatOptions {
  const { clock, rng, signal } = context;
  return {
    clock,
    rng,
    signal,
    onRetry: ({ rawMessage }) =>
      context.notice(`not sent yet (${rawMessage}); trying again with the same id`),
  };
}
