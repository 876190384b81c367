import { ImpulsError } from '../../core/errors.js';
import type { Meter } from './meter.js';
import { accountOf } from './meters.js';

/** Bodies that cost by their length or by the time that they take. */

export interface MeterBytesOptions {
  /** Bytes that one unit pays; at least 1. */
  readonly bytesPerUnit: number;
  /** Where the body begins, of a whole that is the same for every client, as with `Range`. What was paid below is not paid again. Default 0. */
  readonly offset?: number;
}

/**
 * Passes a body on as it is paid, byte by byte. It ends early when no claim comes in time; the meter then says `unpaid`. Who reads on from an
 * offset with the same meter pays only what lies above everything that was sent.
 */
export function meterBytes(
  meter: Meter,
  body: ReadableStream<Uint8Array>,
  { bytesPerUnit, offset = 0 }: MeterBytesOptions,
): ReadableStream<Uint8Array> {
  if (!Number.isSafeInteger(bytesPerUnit) || bytesPerUnit < 1) {
    throw new ImpulsError('invalid-argument', 'bytesPerUnit is a whole number of bytes');
  }
  const base = baseOf(meter, offset, bytesPerUnit);
  return passOn(meter, body, async function* (chunks) {
    let at = offset;
    for await (const chunk of chunks) {
      for (let from = 0; from < chunk.length;) {
        // As much as the unit pays in which it begins.
        const end = (Math.floor(at / bytesPerUnit) + 1) * bytesPerUnit;
        const part = chunk.subarray(from, from + (end - at));
        if (!(await meter.reach(Math.ceil(end / bytesPerUnit) - base))) return;
        at += part.length;
        from += part.length;
        yield part;
      }
    }
  });
}

export interface MeterSecondsOptions {
  /** Seconds that one unit pays, from the first byte on; may be a fraction. */
  readonly secondsPerUnit: number;
  /** Milliseconds. Default `Date.now`. */
  readonly clock?: () => number;
}

/** Passes a body on as long as the time is paid that it takes: each chunk waits for the units up to its moment. */
export function meterSeconds(
  meter: Meter,
  body: ReadableStream<Uint8Array>,
  { secondsPerUnit, clock = Date.now }: MeterSecondsOptions,
): ReadableStream<Uint8Array> {
  if (!(secondsPerUnit > 0)) throw new ImpulsError('invalid-argument', 'secondsPerUnit is more than 0');
  const before = meter.used;
  return passOn(meter, body, async function* (chunks) {
    const start = clock();
    for await (const chunk of chunks) {
      const due = Math.floor((clock() - start) / 1000 / secondsPerUnit) + 1;
      if (!(await meter.reach(before + due))) return;
      yield chunk;
    }
  });
}

const bases = new WeakMap<object, number>();

/** Units that lie below where a client began, which it does not pay. */
function baseOf(meter: Meter, offset: number, bytesPerUnit: number): number {
  const account = accountOf(meter);
  const base = bases.get(account) ?? Math.floor(offset / bytesPerUnit);
  bases.set(account, base);
  return base;
}

function passOn(
  meter: Meter,
  body: ReadableStream<Uint8Array>,
  meterChunks: (chunks: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array, void, undefined>,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const paid = meterChunks(chunksOf(reader));
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await paid.next();
        if (!done) {
          controller.enqueue(value);
          return;
        }
        meter.end();
        await reader.cancel().catch(() => {});
        controller.close();
      },
      async cancel(reason) {
        meter.pause();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

async function* chunksOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
