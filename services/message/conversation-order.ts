/** Where a conversation stands in its account's list: later activity first, and by id at the same time. */
export interface ActivityKey {
  /** Wall time in milliseconds since 1970. */
  readonly activityMs: number;
  readonly conversationId: string;
}

/** How far a walk through the list has come. */
export interface ListPosition {
  /** Everything from here upward was listed, as the list stood then. */
  readonly below: ActivityKey;
  /** What is above this became active after the walk had passed: it is listed in between, perhaps once more. */
  readonly since: ActivityKey;
}

export interface OrderedPage<Item> {
  /** Newest first. */
  readonly items: readonly Item[];
  /** Undefined after the last page. */
  readonly next: ListPosition | undefined;
}

/** Negative when `one` is older than `other`. */
export function compareActivity(one: ActivityKey, other: ActivityKey): number {
  if (one.activityMs !== other.activityMs) return one.activityMs - other.activityMs;
  if (one.conversationId === other.conversationId) return 0;
  return one.conversationId < other.conversationId ? -1 : 1;
}

/**
 * Takes a page of a list whose items move to its top at any time. An item that was not listed yet and moved above
 * the walk would be missed by going on downward, so each page first takes what became active since the last one,
 * oldest first, in case it is too much for one page. What became active in this very millisecond, `nowMs` of the
 * wall clock, has to wait for the rest, because more of the same millisecond may come. An item that does not move
 * is listed exactly once. None is left out as far as the clocks that stamp activity agree with this one.
 */
export function takePage<Item extends ActivityKey>(
  all: readonly Item[],
  position: ListPosition | undefined,
  { size, nowMs }: { readonly size: number; readonly nowMs: number },
): OrderedPage<Item> {
  const ascending = all.toSorted(compareActivity);
  const { fresh, rest } = divide(ascending, position);
  const [ripe, young] = [
    fresh.filter((item) => item.activityMs < nowMs),
    fresh.filter((item) => item.activityMs >= nowMs),
  ];
  const takenRipe = ripe.slice(0, size);
  const takenRest = rest.slice(0, size - takenRipe.length);
  const restIsDone = takenRest.length === rest.length;
  const takenYoung = young.slice(0, size - takenRipe.length - takenRest.length);
  const takenFresh = [...takenRipe, ...takenYoung];
  const items = [...takenFresh, ...takenRest].toSorted((one, other) => compareActivity(other, one));
  const below = takenRest.at(-1) ?? position?.below;
  if (below === undefined || (restIsDone && takenFresh.length === fresh.length))
    return { items, next: undefined };
  const seen =
    takenRipe.length === ripe.length ? earlier(ascending.at(-1) ?? below, momentKey(nowMs)) : undefined;
  const since = latest([position?.since, takenFresh.at(-1), seen]);
  return { items, next: { below: keyOf(below), since: keyOf(since ?? below) } };
}

/** What became active behind the walk's back, oldest first, and what lies before it, newest first. */
function divide<Item extends ActivityKey>(
  ascending: readonly Item[],
  position: ListPosition | undefined,
): { readonly fresh: readonly Item[]; readonly rest: readonly Item[] } {
  if (position === undefined) return { fresh: [], rest: ascending.toReversed() };
  const { below, since } = position;
  return {
    fresh: ascending.filter((item) => compareActivity(item, below) > 0 && compareActivity(item, since) > 0),
    rest: ascending.filter((item) => compareActivity(item, below) < 0).toReversed(),
  };
}

/** Stands before every item of its millisecond. */
function momentKey(activityMs: number): ActivityKey {
  return { activityMs, conversationId: "" };
}

function earlier(one: ActivityKey, other: ActivityKey): ActivityKey {
  return compareActivity(one, other) < 0 ? one : other;
}

function latest(keys: readonly (ActivityKey | undefined)[]): ActivityKey | undefined {
  return keys
    .filter((key) => key !== undefined)
    .toSorted(compareActivity)
    .at(-1);
}

function keyOf({ activityMs, conversationId }: ActivityKey): ActivityKey {
  return { activityMs, conversationId };
}
