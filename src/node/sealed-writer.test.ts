import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openSealedBody } from '../core/seal.js';
import { createSealedWriter, type SealedWriter } from './sealed-writer.js';

const key = new Uint8Array(randomBytes(32));

/** Takes each record only when it is told to. */
function createSlowSink() {
  const records: Uint8Array[] = [];
  let take: (error?: Error) => void = () => {};
  let arrived: () => void = () => {};
  const sink = {
    write(record: Uint8Array, _encoding?: BufferEncoding, done?: (error?: Error | null) => void) {
      records.push(record);
      take = (error) => done?.(error);
      arrived();
      return false;
    },
    end: () => ended(),
  };
  let ended!: () => void;
  const end = new Promise<void>((resolve) => (ended = resolve));
  return {
    sink,
    records,
    end,
    /** Waits for the next record. */
    next: () => new Promise<void>((resolve) => (arrived = resolve)),
    take: (error?: Error) => take(error),
  };
}

async function opened(records: readonly Uint8Array[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const source = new Blob(records.map((record) => new Uint8Array(record))).stream();
  for await (const chunk of openSealedBody(key, source)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a sealed writer', () => {
  it('is full while more waits than it should, and says when it is not any more', async () => {
    const slow = createSlowSink();
    const writer = createSealedWriter(key, slow.sink, fail);
    let drains = 0;
    const drained = new Promise<void>((resolve) =>
      writer.onDrain(() => {
        drains++;
        resolve();
      }),
    );
    const pieces = Array.from({ length: 8 }, () => randomBytes(65_536));
    const header = slow.next();
    expect(pieces.map((piece) => writer.write(piece))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
    await header;
    expect(writer.isFull).toBe(true);
    expect(drains).toBe(0);
    while (drains === 0) {
      const next = slow.next();
      slow.take();
      await Promise.race([next, drained]);
    }
    expect(writer.isFull).toBe(false);
    await finish(writer, slow);
    expect((await opened(slow.records)).equals(Buffer.concat(pieces))).toBe(true);
  });

  it('copies what it is given, and calls back when it has gone into a record', async () => {
    const slow = createSlowSink();
    const writer = createSealedWriter(key, slow.sink, fail);
    const header = slow.next();
    const chunk = new Uint8Array([1, 2, 3]);
    const written = new Promise<void>((resolve) => writer.write(chunk, () => resolve()));
    chunk.fill(0);
    await header;
    await finish(writer, slow);
    await written;
    expect([...(await opened(slow.records))]).toEqual([1, 2, 3]);
  });

  it('seals an empty body too', async () => {
    const slow = createSlowSink();
    const header = slow.next();
    const writer = createSealedWriter(key, slow.sink, fail);
    await header;
    await finish(writer, slow);
    expect(await opened(slow.records)).toHaveLength(0);
  });

  it('tells when its records cannot be written', async () => {
    const slow = createSlowSink();
    const header = slow.next();
    const failed = new Promise<Error>((resolve) => createSealedWriter(key, slow.sink, resolve));
    await header;
    slow.take(new Error('gone'));
    expect((await failed).message).toBe('gone');
  });
});

function fail(error: Error): never {
  throw error;
}

async function finish(writer: SealedWriter, slow: ReturnType<typeof createSlowSink>): Promise<void> {
  writer.end(undefined);
  for (;;) {
    const next = slow.next().then(() => false);
    slow.take();
    if (await Promise.race([next, slow.end.then(() => true)])) return;
  }
}
