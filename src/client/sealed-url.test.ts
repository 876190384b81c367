import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '../core/bytes.js';
import { sealBody } from '../core/seal.js';
import type { KeyBuyer } from './key-buyer.js';
import { readManifest } from './manifest.js';
import { openSealedUrl, readSealedUrl, type OpenProgress } from './sealed-url.js';

const keyUrl = 'https://news.example/impuls/keys/AAAAAAAAAAAAAAAAAAAAAA';
const url = 'https://cdn.example/deep/report.pdf.sealed?v=1';
const key = new Uint8Array(32).fill(7);
const salt = new Uint8Array(16).fill(9);
const body = Uint8Array.from({ length: 5000 }, (_, i) => i % 251);

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return concat(...parts);
}

async function seal(keyId: string = keyUrl): Promise<Uint8Array> {
  const source = (async function* () {
    yield body;
  })();
  return collect(sealBody(key, source, { salt, recordBytes: 117, keyId }));
}

/** A host of one file. */
function host(file: Uint8Array, log: string[] = []): typeof fetch {
  return async (_, init) => {
    const range = new Headers(init?.headers).get('Range') ?? '';
    log.push(range);
    const from = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);
    return new Response(file.slice(from), {
      status: from > 0 ? 206 : 200,
      headers: { 'Content-Length': String(file.length - from) },
    });
  };
}

const buyer: KeyBuyer = {
  async buy(asked) {
    expect(asked).toBe(keyUrl);
    return { key };
  },
};

describe('a sealed file at a URL', () => {
  it('is opened with the key that its head names', async () => {
    const progress: OpenProgress[] = [];
    const onProgress = (step: OpenProgress) => progress.push(step);
    const opened = await openSealedUrl(url, { buyer, fetch: host(await seal()), onProgress });
    expect(opened).toMatchObject({ type: 'application/pdf', size: 5000 });
    expect(opened).not.toHaveProperty('payment');
    expect(await collect(opened.body)).toEqual(body);
    expect(progress).toHaveLength(50);
    expect(progress.at(-1)).toEqual({ done: 5000, total: 5000 });
  });

  it('tells where its key is sold before anything is paid', async () => {
    const content = await readSealedUrl(url, { fetch: host(await seal()) });
    expect(content).toMatchObject({ url, keyUrl, type: 'application/pdf', size: 5000 });
    await content.close();
  });

  it('is opened from the record on that holds a byte', async () => {
    const sealed = await seal();
    for (const [from, start] of [
      [0, 0],
      [99, 0],
      [100, 100],
      [4999, 4900],
    ] as const) {
      const log: string[] = [];
      const content = await readSealedUrl(url, { fetch: host(sealed, log) });
      const opened = content.open(key, { from });
      expect(opened.start).toBe(start);
      expect(await collect(opened.body)).toEqual(body.subarray(start));
      const header = 21 + keyUrl.length;
      expect(log).toEqual(start === 0 ? [''] : ['', `bytes=${header + (start / 100) * 117}-`]);
    }
  });

  it('gives out what came before a record that was altered, and nothing of it', async () => {
    const sealed = await seal();
    sealed[21 + keyUrl.length + 3 * 117 + 5]! ^= 1;
    const opened = await openSealedUrl(url, { buyer, fetch: host(sealed) });
    const reader = opened.body.getReader();
    const parts: Uint8Array[] = [];
    const reading = (async () => {
      for (;;) parts.push((await reader.read()).value!);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'bad-seal' });
    expect(concat(...parts)).toEqual(body.subarray(0, 300));
  });

  it('reads no further than is taken, and lets go when it is left', async () => {
    const sealed = await seal();
    let pulls = 0;
    let cancelled = 0;
    const slow = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => controller.enqueue(sealed.slice(117 * pulls, 117 * ++pulls)),
        cancel() {
          cancelled++;
        },
      },
      { highWaterMark: 0 },
    );
    const opened = await openSealedUrl(url, { buyer, fetch: async () => new Response(slow as BodyInit) });
    const reader = opened.body.getReader();
    for (let taken = 1; taken <= 10; taken++) {
      await reader.read();
      expect(pulls).toBeLessThanOrEqual(taken + 3);
    }
    await reader.cancel();
    expect(cancelled).toBe(1);
  });

  it('that is none, or names no content key, is refused before anything is paid', async () => {
    const never: KeyBuyer = { buy: async () => expect.unreachable() };
    for (const file of [
      utf8('<!doctype html><title>Not here</title>'),
      new Uint8Array(0),
      await seal(''),
      await seal('https://news.example/articles/1'),
    ]) {
      const opening = openSealedUrl(url, { buyer: never, fetch: host(file) });
      await expect(opening).rejects.toMatchObject({ code: 'bad-seal' });
    }
  });

  it('is let go of if its key cannot be bought', async () => {
    let cancelled = 0;
    const sealed = await seal();
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(sealed),
      cancel() {
        cancelled++;
      },
    });
    const failure = new TypeError('no card');
    const poor: KeyBuyer = { buy: async () => Promise.reject(failure) };
    const opening = openSealedUrl(url, { buyer: poor, fetch: async () => new Response(stream as BodyInit) });
    await expect(opening).rejects.toBe(failure);
    expect(cancelled).toBe(1);
  });
});

describe('a manifest at a URL', () => {
  const items = [
    { path: 'a ä?.txt', sealed: 'x/a ä?.txt.sealed', type: 'text/plain', size: 3, key: keyUrl, price: 3 },
  ];
  const text = JSON.stringify({ version: 1, vendor: 'https://news.example', items });

  it('says where its files are', async () => {
    const found = await readManifest('https://cdn.example/shelf/impuls.json?v=2', {
      fetch: async () => new Response(text),
    });
    expect(found).toEqual({
      vendor: 'https://news.example',
      items: [{ ...items[0], url: 'https://cdn.example/shelf/x/a%20%C3%A4%3F.txt.sealed' }],
    });
  });

  it('is refused if it is none, too long, or not there', async () => {
    const read = (answer: () => Response) =>
      readManifest('https://cdn.example/impuls.json', { fetch: async () => answer() });
    await expect(read(() => new Response('<html>'))).rejects.toMatchObject({ code: 'malformed' });
    await expect(read(() => new Response(null, { status: 404 }))).rejects.toMatchObject({ code: 'network' });
    await expect(read(() => new Response(new Uint8Array((4 << 20) + 1)))).rejects.toMatchObject({
      code: 'too-large',
    });
    const failing = read(() => {
      throw new TypeError('fetch failed');
    });
    await expect(failing).rejects.toMatchObject({ code: 'network' });
  });
});
