import { firstEpochMark, higherMark } from "../epoch-step.ts";
import type { EpochMark } from "../ports.ts";
import { type EtcdConnection, EtcdFailure } from "./etcd-connection.ts";
import { isAt, put } from "./etcd-keys.ts";

/** Where the mark of the store is kept. */
interface EtcdMarkPlace {
  readonly connection: EtcdConnection;
  readonly key: string;
}

/** The mark, and the revision at which it was written. */
interface WrittenMark {
  readonly mark: EpochMark;
  readonly revision: string;
}

export async function readMarkInEtcd(place: EtcdMarkPlace, endMs: number): Promise<EpochMark> {
  return (await readWritten(place, endMs)).mark;
}

/** Raises each part to at least the one given. A write without an answer counts once the mark is seen to be that high. */
export async function raiseMarkInEtcd(place: EtcdMarkPlace, mark: EpochMark, endMs: number): Promise<void> {
  const { connection, key } = place;
  for (;;) {
    const written = await readWritten(place, endMs);
    const to = higherMark(written.mark, mark);
    if (isEqual(to, written.mark)) return;
    const value = JSON.stringify({ epoch: String(to.epoch), tick: String(to.tick) });
    const transaction = { compare: [isAt(key, written.revision)], success: [put(key, value)] };
    try {
      await connection.request("raise", endMs, (client, options) => client.kv.txn(transaction, options));
    } catch (thrown) {
      if (!(thrown instanceof EtcdFailure && thrown.kind === "unanswered")) throw thrown;
      const after = await readWritten(place, endMs).catch(() => written);
      if (isEqual(higherMark(after.mark, mark), after.mark)) return;
      throw thrown;
    }
  }
}

async function readWritten({ connection, key }: EtcdMarkPlace, endMs: number): Promise<WrittenMark> {
  const { kvs } = await connection.request("read", endMs, (client, options) =>
    client.kv.range({ key: Buffer.from(key) }, options),
  );
  const [found] = kvs;
  if (found === undefined) return { mark: firstEpochMark, revision: "0" };
  return { mark: parseMark(key, found.value.toString()), revision: found.mod_revision };
}

function parseMark(key: string, text: string): EpochMark {
  const { epoch, tick } = /^\{"epoch":"(?<epoch>\d+)","tick":"(?<tick>\d+)"\}$/.exec(text)?.groups ?? {};
  if (epoch === undefined || tick === undefined)
    throw new Error(`the key ${key} of etcd holds no mark of a store: ${text.slice(0, 80)}`);
  return { epoch: BigInt(epoch), tick: BigInt(tick) };
}

function isEqual(one: EpochMark, other: EpochMark): boolean {
  return one.epoch === other.epoch && one.tick === other.tick;
}
