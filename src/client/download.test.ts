import { describe, expect, it } from 'vitest';
import { concat } from '../core/bytes.js';
import { download, type DownloadHead, type DownloadOptions } from './download.js';

const url = 'https://cdn.example/a.sealed';
const whole = Uint8Array.from({ length: 100 }, (_, i) => i);

/** A body that breaks after some of its chunks. */
function bodyOf(bytes: Uint8Array, breaks = false): ReadableStream<Uint8Array> {
  const chunks = [bytes.subarray(0, 7), bytes.subarray(7)].filter(({ length }) => length > 0);
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk) controller.enqueue(chunk);
      else if (breaks) controller.error(new TypeError('terminated'));
      else controller.close();
    },
  });
}

type Answer = (from: number) => Response;

/** A host that breaks each answer off after so many bytes, by turns; undefined: not. */
function partial(after: number | undefined): Answer {
  return (from) => {
    const rest = whole.subarray(from, after === undefined ? undefined : from + after);
    return new Response(bodyOf(rest, after !== undefined) as BodyInit, {
      status: from > 0 ? 206 : 200,
      headers: from > 0 ? { 'Content-Range': `bytes ${from}-99/100` } : { 'Content-Length': '100' },
    });
  };
}

function host(
  ...answers: Answer[]
): DownloadOptions & { readonly ranges: string[]; readonly waits: number[] } {
  const ranges: string[] = [];
  const waits: number[] = [];
  return {
    ranges,
    waits,
    fetch: async (_, init) => {
      const range = new Headers(init?.headers).get('Range') ?? '';
      ranges.push(range);
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      return answer(Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0));
    },
    sleep: async (milliseconds) => void waits.push(milliseconds),
  };
}

async function read(options: DownloadOptions, start = 0, onHead?: (head: DownloadHead) => void) {
  const parts: Uint8Array[] = [];
  for await (const part of download(url, start, options, onHead)) parts.push(part);
  return concat(...parts);
}

const down: Answer = () => {
  throw new TypeError('fetch failed');
};

describe('a download', () => {
  it('is read as it comes', async () => {
    const from = host(partial(undefined));
    const heads: DownloadHead[] = [];
    expect(await read(from, 0, (head) => heads.push(head))).toEqual(whole);
    expect(from.ranges).toEqual(['']);
    expect(heads).toEqual([{ size: 100 }]);
  });

  it('goes on where it broke, as often as bytes arrive in between', async () => {
    const from = host(partial(10));
    const parts: Uint8Array[] = [];
    const reading = (async () => {
      for await (const part of download(url, 0, { ...from, attempts: 1 })) parts.push(part);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'network' });
    expect(concat(...parts)).toEqual(whole);
    expect(from.ranges.slice(0, 4)).toEqual(['', 'bytes=10-', 'bytes=20-', 'bytes=30-']);

    const healed = host(partial(10), down, () => new Response(null, { status: 503 }), partial(undefined));
    expect(await read(healed)).toEqual(whole);
    expect(healed.ranges).toEqual(['', 'bytes=10-', 'bytes=10-', 'bytes=10-']);
    expect(healed.waits).toEqual([500, 1000, 2000]);
  });

  it('starts anywhere, and tells how long the whole is', async () => {
    const from = host(partial(undefined));
    const heads: DownloadHead[] = [];
    expect(await read(from, 40, (head) => heads.push(head))).toEqual(whole.subarray(40));
    expect(from.ranges).toEqual(['bytes=40-']);
    expect(heads).toEqual([{ size: 100 }]);
  });

  it('skips what it has, from a host that knows no ranges', async () => {
    const ignorant: Answer = () => new Response(bodyOf(whole) as BodyInit, { status: 200 });
    expect(await read(host(partial(10), ignorant))).toEqual(whole);
  });

  it('takes no other range than it asked for', async () => {
    const wrong: Answer = (from) => partial(undefined)(from - 1);
    await expect(read(host(partial(10), wrong))).rejects.toMatchObject({ code: 'network' });
  });

  it('gives up when nothing arrives, with what it is about', async () => {
    const from = host(partial(10), down);
    await expect(read({ ...from, attempts: 3, baseDelayMs: 10 })).rejects.toMatchObject({
      code: 'network',
      message: 'the download from https://cdn.example broke off again and again',
    });
    expect(from.waits).toEqual([10, 20, 40]);
  });

  it('is not tried again where nothing has arrived yet', async () => {
    const absent = host(() => new Response(null, { status: 404 }));
    await expect(read(absent)).rejects.toMatchObject({ message: 'https://cdn.example answers 404' });
    const unreachable = host(down);
    await expect(read(unreachable)).rejects.toMatchObject({
      code: 'network',
      message: 'https://cdn.example cannot be reached',
    });
    expect([absent.ranges, unreachable.ranges]).toEqual([[''], ['']]);
  });

  it('counts no length that a coding of the host has changed', async () => {
    const coded: Answer = () =>
      new Response(bodyOf(whole) as BodyInit, {
        headers: { 'Content-Length': '20', 'Content-Encoding': 'gzip' },
      });
    const heads: DownloadHead[] = [];
    await read(host(coded), 0, (head) => heads.push(head));
    expect(heads).toEqual([{ size: undefined }]);
  });

  it('ends with the reason of its signal, and asks for nothing more', async () => {
    const stop = new AbortController();
    const from = host(partial(10));
    const reason = new Error('enough');
    const parts: Uint8Array[] = [];
    const reading = (async () => {
      for await (const part of download(url, 0, { ...from, signal: stop.signal })) {
        parts.push(part);
        if (parts.length === 2) stop.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
    expect(from.ranges).toHaveLength(1);
  });

  it('lets go of the connection when it is left', async () => {
    let cancelled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel() {
        cancelled++;
      },
    });
    const reading = download(
      url,
      0,
      host(() => new Response(endless as BodyInit)),
    );
    await reading.next();
    await reading.return();
    expect(cancelled).toBe(1);
  });
});
