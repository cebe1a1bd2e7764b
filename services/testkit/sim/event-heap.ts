/** Something that is going to happen at a moment of virtual time. */
export interface HeapEvent {
  readonly timeMs: number;
  /** Decides among events of one moment; drawn from the seed. */
  readonly tie: number;
  /** The order in which they were made, for the rare case that both are equal. */
  readonly serial: number;
}

/** A binary heap: the earliest event is taken first. */
export class EventHeap<Event extends HeapEvent> {
  #events: Event[] = [];

  get size(): number {
    return this.#events.length;
  }

  /** The earliest event, which stays. */
  peek(): Event | undefined {
    return this.#events[0];
  }

  push(event: Event): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = events[parentAt];
      if (parent === undefined || !isBefore(event, parent)) break;
      events[at] = parent;
      at = parentAt;
    }
    events[at] = event;
  }

  /** Takes the earliest event out. */
  pop(): Event | undefined {
    const first = this.#events[0];
    const last = this.#events.pop();
    if (first !== undefined && last !== undefined && last !== first) this.#sink(last);
    return first;
  }

  /** Drops all events but those that `keep` answers true for. */
  retain(keep: (event: Event) => boolean): void {
    const kept = this.#events.filter(keep);
    this.#events = [];
    for (const event of kept) this.push(event);
  }

  /** Puts an event in place of the first one. */
  #sink(event: Event): void {
    const events = this.#events;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = events[childAt];
      if (child === undefined) break;
      const right = events[childAt + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childAt += 1;
      }
      if (!isBefore(child, event)) break;
      events[at] = child;
      at = childAt;
    }
    events[at] = event;
  }
}

function isBefore(one: HeapEvent, other: HeapEvent): boolean {
  if (one.timeMs !== other.timeMs) return one.timeMs < other.timeMs;
  if (one.tie !== other.tie) return one.tie < other.tie;
  return one.serial < other.serial;
}
