import { toJson } from "@bufbuild/protobuf";
import { ExplainEntryResponseSchema } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import { parseConversationId } from "../../message/conversation-id.ts";
import { accountNameIn } from "../account-names.ts";
import { askAdmin } from "../cluster/admin-client.ts";
import { explanationText } from "../cluster/explanation-text.ts";
import type { CommandContext } from "../command-context.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import type { AdminOptions } from "./cluster.ts";

/** What is to be explained, as somebody wrote it. */
export interface ExplainArguments {
  readonly conversation: string;
  readonly seq: string;
  readonly user: string;
}

/** `parley explain CONVERSATION SEQ USER` */
export async function explain(
  context: CommandContext,
  { conversation, seq, user }: ExplainArguments,
  options: AdminOptions & { readonly json?: boolean },
): Promise<void> {
  const request = {
    conversation: conversationIn(conversation),
    seq: parseSeq(seq),
    account: { name: accountNameIn(user) },
  };
  const response = await askAdmin(options.admin, (client) => client.explainEntry(request));
  if (options.json === true) {
    context.print(JSON.stringify(toJson(ExplainEntryResponseSchema, response, { alwaysEmitImplicit: true })));
  } else for (const line of explanationText(response)) context.print(line);
}

/** A conversation by its id, or by who the user's direct one is with. */
function conversationIn(text: string) {
  return parseConversationId(text) === undefined
    ? ({ case: "peer", value: { name: accountNameIn(text) } } as const)
    : ({ case: "conversationId", value: text } as const);
}

function parseSeq(text: string): bigint {
  if (/^[1-9]\d{0,18}$/.test(text)) return BigInt(text);
  throw new CommandError(`<seq> must be the number of an entry, from 1, it is ${text}`, exitCodes.usage);
}
