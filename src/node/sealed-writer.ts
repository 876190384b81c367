import { randomBytes } from 'node:crypto';
import { sealBody, type SealOptions } from '../core/seal.js';

/** Seals what a handler writes (RFC 8188) and passes the records on, with back-pressure. */
export interface SealedWriter {
  /** False: wait for `drain`. */
  write(chunk: Uint8Array, done?: Callback): boolean;
  end(chunk: Uint8Array | undefined, done?: Callback): void;
  /** Whether more has to wait. */
  readonly isFull: boolean;
  onDrain(listener: () => void): void;
}

type Callback = ((error?: Error | null) => void) | undefined;

interface Sink {
  write(chunk: Uint8Array, encoding?: BufferEncoding, done?: Callback): boolean;
  end(chunk?: Uint8Array, encoding?: BufferEncoding, done?: Callback): unknown;
}

/** Plaintext bytes that wait at the most before `write` says to wait. */
const highWaterMark = 262_144;

/** @param onError called when sealing fails; the answer cannot be finished then */
export function createSealedWriter(
  key: Uint8Array,
  sink: Sink,
  onError: (error: Error) => void,
  sealing: Pick<SealOptions, 'recordBytes' | 'flush'> = {},
): SealedWriter {
  const queue: Array<{ readonly chunk: Uint8Array; readonly done: Callback }> = [];
  let queued = 0;
  let ended = false;
  let finished: Callback;
  let wake: () => void = () => {};
  let drained: () => void = () => {};

  async function* plaintext(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = queue.shift();
      if (next) {
        yield next.chunk;
        queued -= next.chunk.length;
        next.done?.();
        if (queued < highWaterMark) drained();
      } else if (ended) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  async function pump(): Promise<void> {
    for await (const record of sealBody(key, plaintext(), { ...sealing, salt: randomBytes(16) })) {
      await new Promise<void>((resolve, reject) => {
        sink.write(record, undefined, (error) => (error ? reject(error) : resolve()));
      });
    }
    sink.end(undefined, undefined, finished);
  }
  pump().catch((error: unknown) => onError(error as Error));

  return {
    write(chunk, done) {
      queue.push({ chunk: chunk.slice(), done });
      queued += chunk.length;
      wake();
      return queued < highWaterMark;
    },
    get isFull() {
      return queued >= highWaterMark;
    },
    end(chunk, done) {
      if (chunk?.length) queue.push({ chunk, done: undefined });
      ended = true;
      finished = done;
      wake();
    },
    onDrain(listener) {
      drained = listener;
    },
  };
}
