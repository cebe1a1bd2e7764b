/** Slots that nodes may have: 0 to 1022, so at most as many nodes are listed at a time. */
export const idSlotsMax = 1_023;

/** The lowest slot that nobody has; undefined when all are taken. */
export function lowestFreeSlot(taken: ReadonlySet<number>): number | undefined {
  for (let slot = 0; slot < idSlotsMax; slot += 1) if (!taken.has(slot)) return slot;
  return undefined;
}

/** What a node that cannot be entered is told. */
export function noFreeSlot(nodeId: string): Error {
  return new Error(
    `node ${nodeId} cannot be entered: all ${idSlotsMax} id slots are taken. Stop nodes that are not needed.`,
  );
}
