/** Virtual time: events in their order, each with all that follows from it before the next one. */
export interface Scheduler {
  /** Milliseconds since the world began. */
  readonly now: number;
  after(milliseconds: number, run: () => void): void;
  /** Runs until there is nothing to do. @returns how many events there were */
  run(): Promise<number>;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** @param maxEvents what a world without an end is stopped at */
export function createScheduler(maxEvents = 10_000_000): Scheduler {
  const heap: Event[] = [];
  let now = 0;
  let order = 0;

  const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

  function push(event: Event): void {
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  function pop(): Event | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  return {
    get now() {
      return now;
    },
    after(milliseconds, run) {
      push({ at: now + Math.max(0, milliseconds), order: order++, run });
    },
    async run() {
      let events = 0;
      for (let event = pop(); event && events < maxEvents; event = pop()) {
        now = event.at;
        event.run();
        events++;
        // Every promise that can go on has gone on before the next event.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return events;
    },
  };
}
