import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { MethodImpl } from "@connectrpc/connect";
import type { AdminService, ExplainEntryRequest } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import {
  type AccountName,
  EntryAccess,
  type NodeTrace,
  NodeTraceSchema,
  type StoredEntry,
  StoredEntrySchema,
} from "../../../gen/parley/admin/v1/explanation_pb.ts";
import { type TraceQuery, TraceQuerySchema } from "../../../gen/parley/mesh/v1/trace_pb.ts";
import { findAccount } from "../../account/get-account.ts";
import { conversationTopic } from "../../mesh/router.ts";
import { directConversationId } from "../../message/conversation-id.ts";
import { entryOfRow } from "../../message/entry-row.ts";
import { type LocatedEntry, locateEntry } from "../../message/locate-entry.ts";
import type { EntryRow } from "../../message/ports.ts";
import { type AdminDeps, adminCalls } from "./admin-deps.ts";
import { askEveryNode } from "./ask-every-node.ts";
import { coverageOf, silentNode } from "./node-trace.ts";

/** ExplainEntry: what the store says of an entry, and what each node remembers of its way to an account's devices. */
export function explainEntry(deps: AdminDeps): MethodImpl<typeof AdminService.method.explainEntry> {
  return async ({ conversation, seq, account }) => {
    const accountId = await accountIdOf(deps, account);
    const conversationId = await conversationIdOf(deps, conversation, accountId);
    const { row, access } = await locateEntry(deps.messages, { conversationId, seq, accountId });
    const entry = storedEntry(row);
    const { entryId } = entry;
    const query = create(TraceQuerySchema, { conversationId, seq, entryId, accountId });
    return {
      entry,
      accountId,
      access: accesses[access],
      ownerNodeId: deps.ownersOf(conversationTopic(conversationId))[0] ?? "",
      nodes: await askAll(deps, query, row.createTimeMs),
      nodeId: deps.mesh.self().nodeId,
    };
  };
}

const accesses: Readonly<Record<LocatedEntry["access"], EntryAccess>> = {
  visible: EntryAccess.VISIBLE,
  notThen: EntryAccess.NOT_THEN,
  never: EntryAccess.NEVER,
};

async function accountIdOf({ accounts }: AdminDeps, named: AccountName | undefined): Promise<string> {
  const { case: by, value = "" } = named?.name ?? {};
  const account = by === "handle" ? { by, handle: value } : { by: "id" as const, accountId: value };
  return (await findAccount(accounts, account)).accountId;
}

async function conversationIdOf(
  deps: AdminDeps,
  conversation: ExplainEntryRequest["conversation"],
  accountId: string,
): Promise<string> {
  if (conversation.case !== "peer") return conversation.value ?? "";
  return directConversationId(accountId, await accountIdOf(deps, conversation.value));
}

function storedEntry(row: EntryRow): StoredEntry {
  const { conversationId, seq, entryId, senderId, senderDeviceId } = entryOfRow(row);
  const createTime = timestampFromMs(row.createTimeMs);
  return create(StoredEntrySchema, { conversationId, seq, entryId, senderId, senderDeviceId, createTime });
}

/** What every listed node remembers. */
function askAll(deps: AdminDeps, query: TraceQuery, createTimeMs: number): Promise<NodeTrace[]> {
  return askEveryNode(deps, {
    name: adminCalls.trace,
    body: toBinary(TraceQuerySchema, query),
    own: withCoverage(deps.traceOf(query), createTimeMs),
    parse: (body) => withCoverage(fromBinary(NodeTraceSchema, body), createTimeMs),
    silent: ({ nodeId }, reason) => silentNode(nodeId, reason),
  });
}

function withCoverage(trace: NodeTrace, createTimeMs: number): NodeTrace {
  trace.coverage = coverageOf(trace, createTimeMs);
  return trace;
}
