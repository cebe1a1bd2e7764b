/** Calls that change something, by the names of their methods; all others read. */
export const storeWrites: ReadonlySet<string> = new Set([
  "add",
  "append",
  "apply",
  "insert",
  "putGroup",
  "raise",
  "raiseReadCursors",
  "readOrCreate",
  "record",
  "remove",
  "replace",
  "setMute",
]);

interface Write {
  readonly collection: string;
  readonly method: string;
  readonly values: readonly unknown[];
}

/** A moment in the life of a store: the writes that made it. */
export type StoreMoment = readonly Write[];

/**
 * Collections in memory that can be put back to an earlier moment, as a backup puts a real store back: made anew, with all
 * writes up to that moment. `create` makes them empty. Writes take effect within their calls, so that a moment is exact.
 */
export class PutBackStore<Collections extends object> {
  readonly #create: () => Collections;
  readonly #writes: Write[] = [];
  #collections: Collections;

  constructor(create: () => Collections) {
    this.#create = create;
    this.#collections = this.#noting(create());
  }

  get collections(): Collections {
    return this.#collections;
  }

  moment(): StoreMoment {
    return [...this.#writes];
  }

  putBack(moment: StoreMoment): void {
    this.#writes.length = 0;
    this.#collections = this.#noting(this.#create());
    for (const { collection, method, values } of moment) {
      const target: unknown = Reflect.get(this.#collections, collection);
      if (typeof target !== "object" || target === null) throw new Error(`the store has no ${collection}`);
      const call: unknown = Reflect.get(target, method);
      if (typeof call !== "function") throw new Error(`${collection} has no ${method}`);
      // One that failed then fails again, and did nothing then either.
      void Promise.resolve(Reflect.apply(call, target, values)).catch(() => undefined);
    }
  }

  #noting(collections: Collections): Collections {
    const noting = Object.entries(collections).map(([name, collection]) => [
      name,
      typeof collection === "object" && collection !== null
        ? this.#notingWrites(name, collection)
        : collection,
    ]);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, each with the collection it had
    return Object.fromEntries(noting) as Collections;
  }

  #notingWrites(name: string, collection: object): object {
    return new Proxy(collection, {
      get: (target, method) => {
        const call: unknown = Reflect.get(target, method);
        if (typeof call !== "function" || typeof method !== "string") return call;
        return (...values: unknown[]): unknown => {
          if (storeWrites.has(method)) this.#writes.push({ collection: name, method, values });
          return Reflect.apply(call, target, values);
        };
      },
    });
  }
}
