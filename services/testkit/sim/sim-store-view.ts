import type { NodeStore } from "../../node/node-core.ts";
import { storeWrites } from "./put-back-store.ts";
import { appendThrough } from "./sim-append.ts";
import type { SimProcess } from "./sim-process.ts";
import type { StoreCore } from "./sim-store-core.ts";
import { StoreRoad } from "./store-road.ts";

/** The collections of a store as one process sees them: later, and not always. */
export function storeView(core: StoreCore, process: SimProcess): NodeStore {
  const road = new StoreRoad(core, process);
  const { entries, ...others } = core.collections;
  const seen = <Collection extends object>(collection: Collection): Collection =>
    through(collection, (name, call) => (storeWrites.has(name) ? road.write(call) : road.read(call)));
  const log = seen(core.plan.readConcern === "local" ? entries.local : entries);
  return {
    accounts: seen(others.accounts),
    devices: seen(others.devices),
    signingKeys: seen(others.signingKeys),
    secretKeys: seen(others.secretKeys),
    idSlots: seen(others.idSlots),
    generations: seen(others.generations),
    epochMark: seen(others.epochMark),
    epochHeads: seen(others.epochHeads),
    heads: seen(others.heads),
    memberships: seen(others.memberships),
    changes: seen(others.changes),
    personal: seen(others.personal),
    entries: {
      append: (rows) => appendThrough(road, rows),
      readAfter: (conversationId, afterSeq, limit) => log.readAfter(conversationId, afterSeq, limit),
      readBefore: (conversationId, beforeSeq, limit) => log.readBefore(conversationId, beforeSeq, limit),
      readByClientIds: (conversationId, keys) => log.readByClientIds(conversationId, keys),
      readLast: (conversationIds) => log.readLast(conversationIds),
    },
  };
}

/** The same object, each of whose calls goes through `carry`. */
function through<Collection extends object>(
  collection: Collection,
  carry: (name: string, call: () => Promise<unknown>) => Promise<unknown>,
): Collection {
  return new Proxy(collection, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function" || typeof name !== "string") return method;
      return (...values: unknown[]) => carry(name, async () => Reflect.apply(method, target, values));
    },
  });
}
