import { EventReader, type StreamEvent } from '../core/event-stream.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import {
  openMeteredStream,
  type MeteredEnd,
  type MeteredOptions,
  type MeteredStream,
} from './metered-stream.js';
import type { PayingFetch } from './paying-fetch.js';

export interface MeteredEventsOptions extends MeteredOptions {
  /** How often in a row it comes back where the line was cut without one event. Default 4. */
  readonly reconnects?: number;
  /** Told how it ended, when it has. */
  readonly onEnd?: (end: MeteredEnd) => void;
}

/**
 * Server-sent events, paid as they come. Where the line is cut it comes back with the id of the last event: nothing is paid twice, and nothing is
 * missed that the vendor still has. Who stops reading lets go of the stream.
 *
 * @throws ImpulsError `payment-refused` for an answer that is no stream of events; `limit-exceeded`, `no-card` where the stream ended because no more was
 *   claimed; as the paying fetch
 */
export async function* meteredEvents(
  pay: PayingFetch,
  input: string | URL | Request,
  options: MeteredEventsOptions,
  init: RequestInit = {},
): AsyncGenerator<StreamEvent, void, undefined> {
  const { reconnects = 4, onEnd } = options;
  const base = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  base.set('Accept', 'text/event-stream');
  const stream = await openMeteredStream(pay, input, options, { ...init, headers: base });
  let last: string | undefined;
  try {
    for (let failures = 0; ; failures++) {
      try {
        for await (const event of eventsOf(stream.response)) {
          failures = 0;
          if (event.event === 'impuls-meter') continue;
          last = event.id ?? last;
          yield event;
        }
        break;
      } catch (error) {
        if (isImpulsError(error) || failures >= reconnects) throw error;
        const headers = new Headers(base);
        if (last !== undefined) headers.set('Last-Event-ID', last);
        await stream.reopen({ headers });
      }
    }
    await checkEnd(stream, options);
  } finally {
    const end = await stream.stop();
    onEnd?.(end);
  }
}

async function checkEnd(stream: MeteredStream, { max }: MeteredOptions): Promise<void> {
  const { reason, units, error } = await stream.ended;
  if (reason !== 'unpaid') return;
  throw (
    error ??
    new ImpulsError(
      'limit-exceeded',
      `the stream has cost ${units} of at most ${max} units, and ended there`,
      {
        hint: 'If it is worth more, raise max.',
      },
    )
  );
}

async function* eventsOf(response: Response): AsyncGenerator<StreamEvent, void, undefined> {
  const type = response.headers.get('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (!response.ok || type !== 'text/event-stream' || !response.body) {
    throw new ImpulsError('payment-refused', `the vendor answered ${response.status}, and not with events`);
  }
  const reader = response.body.getReader();
  const events = new EventReader();
  let over = false;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        over = true;
        throw error;
      });
      over = done;
      if (done) return;
      yield* events.push(value);
    }
  } finally {
    if (!over) await reader.cancel().catch(() => {});
  }
}
