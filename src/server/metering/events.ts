import { formatEvent, type StreamEvent } from '../../core/event-stream.js';
import type { Payment } from '../payment.js';
import type { Meter } from './meter.js';
import { accountOf, whenOver } from './meters.js';

/** An event, and what it costs. */
export interface MeteredEvent extends StreamEvent {
  /** Whole units; default 1. What costs nothing is 0. */
  readonly units?: number;
}

export interface MeterEventsOptions {
  /** What the client names that comes back: the header `Last-Event-ID`. */
  readonly lastEventId?: string | null | undefined;
  /** Further headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Events that are kept for a client that was cut off: so many, and so much text. */
const maxKeptEvents = 256;
const maxKeptLength = 65_536;

/** What one meter sends, over however many lines. */
interface Run {
  readonly source: AsyncIterator<MeteredEvent>;
  /** What was paid and sent last, with the number of each. */
  kept: { readonly number: number; readonly event: StreamEvent }[];
  number: number;
  /** What the source gave and is not sent. */
  next: MeteredEvent | undefined;
  /** The line before this one still reads. */
  reading: Promise<unknown>;
}

const runs = new WeakMap<object, Run>();

/**
 * Answers with server-sent events, each paid before it is sent. When no claim comes in time, the last event is `impuls-meter` with
 * `{"ended":"unpaid","used":…}`. A client that was cut off comes back with its meter and `Last-Event-ID`: what it has missed is sent
 * again, and the source goes on where it was. Events that name no id get a number.
 *
 * @param source begun for a new meter only; told the id that the client names, so that it can go on if its meter is gone
 * @throws as `payment.meter`
 */
export function meterEvents(
  payment: Payment,
  source: (lastEventId: string | undefined) => AsyncIterable<MeteredEvent>,
  { lastEventId, headers = {} }: MeterEventsOptions = {},
): Response {
  const meter = payment.meter();
  const last = lastEventId ?? undefined;
  const account = accountOf(meter);
  const run = runs.get(account) ?? begin(meter, source(last)[Symbol.asyncIterator]());
  runs.set(account, run);
  const events = eventsOf(meter, run, last);
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await events.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        meter.pause();
        await events.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: { 'Cache-Control': 'no-store', ...headers, 'Content-Type': 'text/event-stream' },
  });
}

function begin(meter: Meter, source: AsyncIterator<MeteredEvent>): Run {
  // A source that waits for something hears of it, too: its `return` comes after that.
  whenOver(meter, () => void source.return?.().catch(() => {}));
  return { source, kept: [], number: 0, next: undefined, reading: Promise.resolve() };
}

async function* eventsOf(
  meter: Meter,
  run: Run,
  lastEventId: string | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let finish!: () => void;
  const before = run.reading;
  run.reading = new Promise<void>((resolve) => (finish = resolve));
  try {
    await before;
    for (const { event } of missed(run, lastEventId)) yield formatEvent(event);
    while (!meter.ended) {
      if (!run.next) {
        const next = await run.source.next();
        if (next.done) {
          meter.end();
          return;
        }
        run.next = next.value;
      }
      const { units = 1, ...event } = run.next;
      if (!(await meter.use(units))) break;
      run.next = undefined;
      yield formatEvent(keep(run, event));
    }
    if (meter.ended === 'unpaid') {
      yield formatEvent({
        event: 'impuls-meter',
        data: JSON.stringify({ ended: 'unpaid', used: meter.used }),
      });
    }
  } finally {
    finish();
  }
}

function keep(run: Run, event: StreamEvent): StreamEvent {
  const number = ++run.number;
  const named = { ...event, id: event.id ?? String(number) };
  run.kept.push({ number, event: named });
  let length = run.kept.reduce((sum, one) => sum + one.event.data.length, 0);
  while (run.kept.length > maxKeptEvents || (length > maxKeptLength && run.kept.length > 1)) {
    length -= run.kept.shift()!.event.data.length;
  }
  return named;
}

/** What came after the event that the client has; all that is kept if it has none. */
function missed({ kept }: Run, lastEventId: string | undefined): Run['kept'] {
  const at = kept.findIndex(({ event }) => event.id === lastEventId);
  return kept.slice(at + 1);
}
