import type { ICompare, IRequestOp } from "etcd3";
import { type NodeRecord, type NodeRole, nodeRoles } from "../node-record.ts";

/** Names of keys below a prefix. docs/etcd-keys.md tells what other programs may rely on. */
export interface EtcdKeys {
  /** One of each node, with its record; all others of the node come and go with it. */
  readonly nodes: string;
  readonly slots: string;
  /** The mark of the store; it has no lease. */
  readonly mark: string;
  node(nodeId: string): string;
  slot(idSlot: number): string;
  service(role: NodeRole, nodeId: string): string;
}

/** The keys below `prefix`, which has no slash at its end. */
export function etcdKeys(prefix: string): EtcdKeys {
  const [nodes, slots] = [`${prefix}/nodes/`, `${prefix}/slots/`];
  return {
    nodes,
    slots,
    mark: `${prefix}/store/mark`,
    node: (nodeId) => nodes + nodeId,
    slot: (idSlot) => slots + String(idSlot),
    service: (role, nodeId) => `${prefix}/services/${role}/${nodeId}`,
  };
}

/** Holds when the key was last written at this revision; revision 0 is that of a key that is not there. */
export function isAt(key: string, revision: string): ICompare {
  return { key: Buffer.from(key), target: "Mod", result: "Equal", mod_revision: revision };
}

export function put(key: string, value: string, lease?: string): IRequestOp {
  const request = { key: Buffer.from(key), value: Buffer.from(value) };
  return { request_put: lease === undefined ? request : { ...request, lease } };
}

/** Reads one key. */
export function read(key: string): IRequestOp {
  return { request_range: { key: Buffer.from(key) } };
}

/** Reads all keys that begin with `prefix`, which ends with a slash. */
export function readAll(prefix: string): IRequestOp {
  return { request_range: keysBelow(prefix) };
}

/** The range of the keys that begin with `prefix`, which ends with a slash. */
export function keysBelow(prefix: string): { readonly key: Buffer; readonly range_end: Buffer } {
  // "0" comes right after "/".
  return { key: Buffer.from(prefix), range_end: Buffer.from(`${prefix.slice(0, -1)}0`) };
}

/** Writes what a node says into its own key and into one for each of its roles, and takes it out of the other roles. */
export function putRecord(
  keys: EtcdKeys,
  record: NodeRecord,
  written: { text: string; lease: string },
): IRequestOp[] {
  const { nodeId, roles } = record;
  const { text, lease } = written;
  const services = nodeRoles.map((role): IRequestOp => {
    const key = keys.service(role, nodeId);
    return roles.includes(role) ? put(key, text, lease) : { request_delete_range: { key: Buffer.from(key) } };
  });
  return [put(keys.node(nodeId), text, lease), ...services];
}
