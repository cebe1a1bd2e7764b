import type { IKeyValue, ITxnResponse } from "etcd3";
import type { Registration } from "../coordinator.ts";
import { formatNodeRecord, type NodeRecord, parseNodeRecord } from "../node-record.ts";
import { type EtcdConnection, EtcdFailure } from "./etcd-connection.ts";
import { type EtcdKeys, isAt, put, putRecord, read, readAll } from "./etcd-keys.ts";
import { grantLease, keepLease, revokeLease } from "./etcd-lease.ts";
import { etcdLimits } from "./etcd-limits.ts";
import { lowestFreeSlot, noFreeSlot } from "./id-slots.ts";

/** What registrations work with. */
export interface EtcdRegistrationParts {
  readonly connection: EtcdConnection;
  readonly keys: EtcdKeys;
  /** Runs a call: it is given the moment by which it has to end, on the monotonic clock. */
  readonly call: <T>(run: (endMs: number) => Promise<T>) => Promise<T>;
}

/** The revision of a key that is not there. */
const absent = "0";

/** A node's own key as this process wrote it, or found it. */
interface WrittenEntry {
  readonly lease: string;
  readonly revision: string;
  readonly text: string;
}

/** What decides about a claim: the node's own key, and which slots are taken by whom. */
interface Claims {
  readonly revision: string;
  readonly slots: ReadonlyMap<number, { readonly nodeId: string; readonly revision: string }>;
}

/**
 * Enters a node: a lease, then one transaction that writes all of its keys if neither its own key nor that of its slot has
 * changed since they were read. The lease is what the outcome of a transaction without an answer is known by.
 */
export async function registerInEtcd(
  parts: EtcdRegistrationParts,
  record: NodeRecord,
  endMs: number,
): Promise<Registration> {
  const { connection, keys } = parts;
  const { nodeId, incarnation } = record;
  const text = formatNodeRecord(record);
  const readClaims = [read(keys.node(nodeId)), readAll(keys.slots)];
  const [lease, found] = await Promise.all([
    connection.request("grant", endMs, (client, options) => grantLease(client, options)),
    connection.request("read", endMs, (client, options) => client.kv.txn({ success: readClaims }, options)),
  ]);
  let claims = claimsIn(found, keys);
  for (;;) {
    const idSlot = slotFor(nodeId, claims);
    const compare = [
      isAt(keys.node(nodeId), claims.revision),
      isAt(keys.slot(idSlot), claims.slots.get(idSlot)?.revision ?? absent),
    ];
    const success = [...putRecord(keys, record, { text, lease }), put(keys.slot(idSlot), nodeId, lease)];
    const transaction = { compare, success, failure: readClaims };
    const answer = await connection
      .request("register", endMs, (client, options) => client.kv.txn(transaction, options))
      .catch((thrown: unknown) => entryAfter(parts, { nodeId, lease, endMs, thrown }));
    if ("revision" in answer) return new EtcdRegistration(parts, { idSlot, nodeId, incarnation }, answer);
    const { revision } = answer.header;
    if (answer.succeeded)
      return new EtcdRegistration(parts, { idSlot, nodeId, incarnation }, { lease, revision, text });
    claims = claimsIn(answer, keys);
  }
}

/** Nobody knows what became of a transaction: if it was done, the key has the lease that only this call has. */
async function entryAfter(
  { connection, keys }: EtcdRegistrationParts,
  sent: { readonly nodeId: string; readonly lease: string; readonly endMs: number; readonly thrown: unknown },
): Promise<WrittenEntry> {
  const { nodeId, lease, endMs, thrown } = sent;
  if (!(thrown instanceof EtcdFailure && thrown.kind === "unanswered")) throw thrown;
  const key = Buffer.from(keys.node(nodeId));
  const found = await connection
    .request("read", endMs, (client, options) => client.kv.range({ key }, options))
    .catch(() => undefined);
  const entry = found?.kvs[0];
  if (entry?.lease !== lease) throw thrown;
  return entryOf(entry);
}

/** The slot that the node has already, else the lowest free one. Throws when all are taken. */
function slotFor(nodeId: string, { slots }: Claims): number {
  for (const [idSlot, holder] of slots) if (holder.nodeId === nodeId) return idSlot;
  const idSlot = lowestFreeSlot(new Set(slots.keys()));
  if (idSlot === undefined) throw noFreeSlot(nodeId);
  return idSlot;
}

/** Reads the answer to a node's key and all slots. */
function claimsIn(answer: ITxnResponse, keys: EtcdKeys): Claims {
  const [node, slots] = answer.responses.map(({ response_range }) => response_range.kvs);
  const taken = (slots ?? []).map(({ key, value, mod_revision }) => {
    const holder = { nodeId: value.toString(), revision: mod_revision };
    return [Number(key.toString().slice(keys.slots.length)), holder] as const;
  });
  return { revision: node?.[0]?.mod_revision ?? absent, slots: new Map(taken) };
}

function entryOf({ lease, mod_revision, value }: IKeyValue): WrittenEntry {
  return { lease, revision: mod_revision, text: value.toString() };
}

/** A node that is entered. What it says is written when it has changed; a renewal without a change writes nothing. */
class EtcdRegistration implements Registration {
  readonly idSlot: number;
  readonly #parts: EtcdRegistrationParts;
  readonly #nodeId: string;
  readonly #incarnation: string;
  #entry: WrittenEntry;

  constructor(
    parts: EtcdRegistrationParts,
    node: { readonly idSlot: number; readonly nodeId: string; readonly incarnation: string },
    entry: WrittenEntry,
  ) {
    this.#parts = parts;
    this.idSlot = node.idSlot;
    this.#nodeId = node.nodeId;
    this.#incarnation = node.incarnation;
    this.#entry = entry;
  }

  async renew(changed: NodeRecord): Promise<"kept" | "lost" | "replaced"> {
    const record = { ...changed, nodeId: this.#nodeId, incarnation: this.#incarnation };
    return this.#parts.call((endMs) => this.#renew(record, endMs));
  }

  leave(): Promise<void> {
    const { lease } = this.#entry;
    return this.#parts.call((endMs) =>
      this.#parts.connection.request("leave", endMs, (client, options) =>
        revokeLease(client, options, lease),
      ),
    );
  }

  async #renew(record: NodeRecord, endMs: number): Promise<"kept" | "lost" | "replaced"> {
    for (let round = 0; round < etcdLimits.renewRoundsMax; round += 1) {
      const { lease } = this.#entry;
      const [isKept, answer] = await Promise.all([
        this.#parts.connection.request("renew", endMs, (client, options) =>
          keepLease(client, options, lease),
        ),
        this.#write(record, endMs),
      ]);
      if (answer === "written") return isKept ? "kept" : "lost";
      if (answer === undefined) return "lost";
      if (incarnationIn(answer) !== this.#incarnation) return "replaced";
      // An earlier call of this process was done after all, although its answer never came.
      this.#entry = entryOf(answer);
    }
    throw new Error(`the entry of node ${this.#nodeId} in etcd changed whenever it was renewed`);
  }

  /** Writes what has changed, if nobody else has written; answers the node's own key when somebody has. */
  async #write(record: NodeRecord, endMs: number): Promise<"written" | IKeyValue | undefined> {
    const { connection, keys } = this.#parts;
    const { lease, revision, text } = this.#entry;
    const changed = formatNodeRecord(record);
    const key = keys.node(this.#nodeId);
    const isSame = changed === text;
    const transaction = {
      compare: [isAt(key, revision)],
      success: isSame ? [] : putRecord(keys, record, { text: changed, lease }),
      failure: [read(key)],
    };
    const answer = await connection.request("write", endMs, (client, options) =>
      client.kv.txn(transaction, options),
    );
    if (!answer.succeeded) return answer.responses[0]?.response_range.kvs[0];
    if (!isSame) this.#entry = { lease, revision: answer.header.revision, text: changed };
    return "written";
  }
}

/** Undefined for a record that this version cannot read, which no process of this incarnation has written. */
function incarnationIn({ value }: IKeyValue): string | undefined {
  try {
    return parseNodeRecord(value.toString()).incarnation;
  } catch {
    return undefined;
  }
}
