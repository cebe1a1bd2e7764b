/** What a node may be asked to do. `worker` has nothing to do yet. */
export type NodeRole = "session" | "owner" | "worker";

export const nodeRoles: readonly NodeRole[] = ["session", "owner", "worker"];

/** What a node tells the others about itself, by way of the coordinator. */
export interface NodeRecord {
  /** Stable over restarts; at most 64 characters of a-z, 0-9, `.`, `_` and `-`. */
  readonly nodeId: string;
  /** New at each registration. */
  readonly incarnation: string;
  /** Where other nodes reach it: `host:port`. */
  readonly meshAddress: string;
  /** Base URLs for clients, best first. */
  readonly publicUrls: readonly string[];
  /** Base URL of its admin listener. */
  readonly adminUrl: string;
  readonly roles: readonly NodeRole[];
  /** The link protocols that it speaks, both inclusive. */
  readonly protocolMin: number;
  readonly protocolMax: number;
  /** Of the program, for people. */
  readonly version: string;
  /** It takes no new clients and owns nothing. */
  readonly draining: boolean;
  /** Attached devices as a part of what it takes at most: 0 to 1, in steps of 0.01 so that it changes seldom. */
  readonly load: number;
}
