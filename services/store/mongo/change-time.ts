import type { Document } from "mongodb";

/** What every update of a document whose changes are told has in it: the time of the change, by the primary's clock. */
export const changeTimeUpdate = { $currentDate: { changedAt: true } } as const;

/**
 * The time, in milliseconds since 1970, up to which all changes are visible to reads that begin now, by the reply of the
 * primary to `hello`: that of the newest write which a majority has, so that writes which wait for a majority, however
 * long, are not behind it. A server that is no member of a replica set has no such time, and shows each write at once.
 */
export function visibleUntilMs(hello: Document): number {
  const { lastWrite, localTime } = hello;
  const time: unknown = lastWrite?.["majorityWriteDate"] ?? localTime;
  if (!(time instanceof Date)) throw new TypeError("the reply to hello has no time");
  return time.getTime();
}
