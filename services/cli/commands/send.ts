import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { ContentSchema } from "../../../gen/parley/message/v1/content_pb.ts";
import {
  MessageService,
  type SendMessageRequest,
  SendMessageRequestSchema,
  type SendMessageResponse,
} from "../../../gen/parley/message/v1/message_service_pb.ts";
import { backoffDelayMs } from "../../kernel/backoff.ts";
import { sleep } from "../../kernel/clock.ts";
import { conversationIdOf } from "../account-names.ts";
import { type CommandContext, connect, type PersonOptions } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";

const retries = { baseMs: 250, maxMs: 5_000, attemptsMax: 8 };

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
  const response = await sendUntilKnown(context, createClient(MessageService, connection.transport), request);
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

async function sendUntilKnown(
  context: CommandContext,
  messages: Client<typeof MessageService>,
  request: SendMessageRequest,
): Promise<SendMessageResponse> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await messages.sendMessage({ ...request, retry: request.retry || attempt > 1 });
    } catch (error) {
      const delayMs = backoffDelayMs(retries, attempt, context.rng.fraction());
      if (delayMs === undefined || context.signal.aborted || !mayRetry(ConnectError.from(error))) throw error;
      context.notice(`not sent yet (${ConnectError.from(error).rawMessage}); trying again with the same id`);
      await sleep(context.clock, delayMs, context.signal);
    }
  }
}

/** As proto/README.md says: these codes only, and RESOURCE_EXHAUSTED only when it comes with a delay. */
function mayRetry(error: ConnectError): boolean {
  if (error.code === Code.Unavailable || error.code === Code.Aborted) return true;
  return error.code === Code.ResourceExhausted && error.findDetails(RetryInfoSchema).length > 0;
}
