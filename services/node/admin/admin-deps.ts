import type { Node } from "../../../gen/parley/admin/v1/node_pb.ts";
import type { Mesh } from "../../mesh/mesh.ts";

/** What operators may look at and change. */
export interface AdminDeps {
  readonly mesh: Pick<Mesh, "self" | "nodes" | "call">;
  /** This node as it is now. */
  readonly status: () => Node;
  /** Who may own a topic, the first owner first. */
  readonly ownersOf: (topic: string) => readonly string[];
}

/** Names of the calls by which nodes do for one another what operators ask of one of them. */
export const adminCalls = { status: "admin.status", drain: "admin.drain", undrain: "admin.undrain" } as const;

/** How long another node may take to answer, in milliseconds. */
export const adminCallMsMax = 2_000;
