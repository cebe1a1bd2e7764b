import type { CallOutcome, IncomingCall, OutgoingCall } from "./links.ts";
import type { NodeRecord } from "./node-record.ts";

/** A node's place among the others: who they are, and how to speak to one or all of them. */
export interface Mesh {
  /** This node as it is registered now. */
  self(): NodeRecord;
  /** The nodes of the last good list, by node id. This node is among them unless a listing lacked it. */
  nodes(): readonly NodeRecord[];
  /** The link to the node is open and in time; true for this node itself. */
  isUp(nodeId: string): boolean;
  /** Asks another node, or this one. Never rejects. */
  call(nodeId: string, call: OutgoingCall): Promise<CallOutcome>;
  /** Says who answers calls of a name. Each name once. */
  answer(name: string, handler: (from: string, call: IncomingCall) => Promise<Uint8Array>): void;
  /** Tells all other nodes. One that misses it hears `onGap` when its link is back. */
  broadcast(name: string, body: Uint8Array): void;
  /** Says who hears broadcasts of a name. Each name once. The handler must not throw. */
  onBroadcast(name: string, handler: (from: string, body: Uint8Array) => void): void;
  /** Calls `listener` whenever something that other nodes said may have been missed: ask the store. */
  onGap(listener: (from: string) => void): void;
  /** Calls `listener` whenever `nodes()` or `isUp` may answer differently. */
  onChange(listener: () => void): void;
}
