/** What happens to the values and the errors of an iterable on their way through. */
export interface IterableMapping<T> {
  /** Sees each value before it goes on; what it throws goes through `error` too. */
  readonly value?: (value: T) => void;
  /** Turns what was thrown into what is thrown on. */
  readonly error: (thrown: unknown) => unknown;
}

/**
 * Passes values through and maps errors. By hand rather than as an async generator, because it stands on the
 * path of every frame of an attached stream.
 */
export function mapIterable<T>(source: AsyncIterable<T>, mapping: IterableMapping<T>): AsyncIterable<T> {
  const settle = async (step: Promise<IteratorResult<T>>): Promise<IteratorResult<T>> => {
    try {
      const result = await step;
      if (result.done !== true) mapping.value?.(result.value);
      return result;
    } catch (thrown) {
      throw mapping.error(thrown);
    }
  };
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = source[Symbol.asyncIterator]();
      return {
        next: () => settle(iterator.next()),
        return: (value?: unknown) =>
          iterator.return === undefined
            ? Promise.resolve({ done: true, value })
            : settle(iterator.return(value)),
        throw: (thrown?: unknown) =>
          iterator.throw === undefined ? Promise.reject(thrown) : settle(iterator.throw(thrown)),
      };
    },
  };
}
