import type { NodeTrace } from "../../../gen/parley/admin/v1/explanation_pb.ts";
import type { Node } from "../../../gen/parley/admin/v1/node_pb.ts";
import type { TraceQuery } from "../../../gen/parley/mesh/v1/trace_pb.ts";
import type { AccountStore } from "../../account/ports.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import type { AccessStores } from "../../message/conversation-access.ts";

/** What operators may look at and change. */
export interface AdminDeps {
  readonly mesh: Pick<Mesh, "self" | "nodes" | "call">;
  /** This node as it is now. */
  readonly status: () => Node;
  /** Who may own a topic, the first owner first. */
  readonly ownersOf: (topic: string) => readonly string[];
  readonly accounts: Pick<AccountStore, "readById" | "readByHandle">;
  readonly messages: AccessStores;
  /** What this node remembers of an entry, without its coverage. */
  readonly traceOf: (query: TraceQuery) => NodeTrace;
}

/** Names of the calls by which nodes do for one another what operators ask of one of them. */
export const adminCalls = {
  status: "admin.status",
  drain: "admin.drain",
  undrain: "admin.undrain",
  trace: "admin.trace",
} as const;

/** How long another node may take to answer, in milliseconds. */
export const adminCallMsMax = 2_000;
