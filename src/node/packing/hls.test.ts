import { createDecipheriv } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isImpulsError } from '../../core/errors.js';
import { makeFilm, startLiveFilm } from '../../../test/support/film.js';
import { packHls, type FilmKey, type PackHlsOptions } from './hls.js';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-hls-'));
  await makeFilm(join(folder, 'ts'), { seconds: 6, renditions: 2 });
  await makeFilm(join(folder, 'fmp4'), { seconds: 4, codec: 'vp9' });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const keyUrl = (id: string): string => `https://film.example/impuls/keys/${id}`;

async function pack(source: string, more: Partial<PackHlsOptions> = {}) {
  const out = join(folder, `out-${count++}`);
  const keys = new Map<string, FilmKey>();
  const register = (fresh: readonly FilmKey[]) => fresh.forEach((key) => keys.set(keyUrl(key.id), key));
  const film = await packHls({ source: join(folder, source), out, price: 2, keyUrl, register, ...more });
  return { out, keys, film };
}

async function files(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

interface Sealed {
  readonly path: string;
  readonly url: string;
  readonly iv: string;
}

/** A reader of its own: which key each segment of a playlist has. */
async function readSealed(root: string, playlist: string): Promise<Sealed[]> {
  const sealed: Sealed[] = [];
  let key: { url: string; iv: string } | undefined;
  for (const line of (await readFile(join(root, playlist), 'utf8')).split('\n')) {
    const found = /^#EXT-X-KEY:METHOD=AES-128,URI="(.+)",IV=0x([0-9a-f]{32})$/.exec(line);
    if (found) key = { url: found[1]!, iv: found[2]! };
    else if (line.startsWith('#EXT-X-KEY')) key = undefined;
    else if (line !== '' && !line.startsWith('#')) {
      expect(key, line).toBeDefined();
      sealed.push({ path: join(dirname(playlist), line), ...key! });
    }
  }
  return sealed;
}

function decrypt(bytes: Uint8Array, key: Uint8Array, iv: string): Buffer {
  const cipher = createDecipheriv('aes-128-cbc', key, Buffer.from(iv, 'hex'));
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

async function expectSealed(source: string, out: string, keys: Map<string, FilmKey>, playlists: string[]) {
  const all = (await Promise.all(playlists.map((name) => readSealed(out, name)))).flat();
  for (const { path, url, iv } of all) {
    const clear = await readFile(join(folder, source, path));
    const bytes = await readFile(join(out, path));
    expect(decrypt(bytes, keys.get(url)!.key, iv).equals(clear), path).toBe(true);
  }
  expect(new Set(all.map(({ iv }) => iv)).size).toBe(all.length);
  for (const name of await files(out)) {
    const bytes = await readFile(join(out, name));
    for (const { key } of keys.values()) {
      for (const text of [Buffer.from(key), hex(key), Buffer.from(key).toString('base64url').slice(0, 21)]) {
        expect(bytes.includes(text), `${name} holds a key`).toBe(false);
      }
    }
    if (/\.(?:ts|m4s)$/.test(name)) {
      const clear = await readFile(join(folder, source, name));
      for (let at = 0; at + 188 <= clear.length; at += 188) {
        expect(bytes.includes(clear.subarray(at, at + 188)), `${name} holds clear bytes`).toBe(false);
      }
    }
  }
  return all;
}

const hex = (key: Uint8Array): string => Buffer.from(key).toString('hex');

describe('packHls', () => {
  it('encrypts each segment, with one key a segment number over all renditions', async () => {
    const { out, keys, film } = await pack('ts');
    const all = await expectSealed('ts', out, keys, ['0/film.m3u8', '1/film.m3u8']);
    const [low, high] = [all.slice(0, 6), all.slice(6)];
    expect(low.map(({ url }) => url)).toEqual(high.map(({ url }) => url));
    expect(film).toMatchObject({ root: 'master.m3u8', renditions: 2, segments: 12, keys: 6, units: 12 });
    expect(film.seconds).toBeCloseTo(6, 0);
    expect(new Set(low.map(({ url }) => url))).toEqual(new Set(keys.keys()));
    expect([...keys.values()].map(({ title }) => title)).toEqual([1, 2, 3, 4, 5, 6].map((n) => `ts ${n}`));
  });

  it('leaves the lines of the playlists as they are, but for keys', async () => {
    const { out } = await pack('ts');
    const master = join('master.m3u8');
    expect(await readFile(join(out, master), 'utf8')).toBe(
      await readFile(join(folder, 'ts', master), 'utf8'),
    );
    const text = await readFile(join(out, '0/film.m3u8'), 'utf8');
    expect(text.replace(/#EXT-X-KEY:.*\n/g, '')).toBe(await readFile(join(folder, 'ts/0/film.m3u8'), 'utf8'));
  });

  it('shares a key among as many segments as it is told', async () => {
    const { out, keys, film } = await pack('ts', { every: 4 });
    const all = await expectSealed('ts', out, keys, ['0/film.m3u8', '1/film.m3u8']);
    expect(film.keys).toBe(2);
    expect(all.slice(0, 6).map(({ url }) => url)).toEqual([0, 0, 0, 0, 4, 4].map((at) => all[at]!.url));
  });

  it('leaves the init segment of fMP4 in clear, before the first key', async () => {
    const { out, keys } = await pack('fmp4');
    const all = await expectSealed('fmp4', out, keys, ['film.m3u8']);
    expect(all).toHaveLength(4);
    const text = await readFile(join(out, 'film.m3u8'), 'utf8');
    expect(text.indexOf('#EXT-X-MAP')).toBeLessThan(text.indexOf('#EXT-X-KEY'));
    const init = await readFile(join(out, 'init.mp4'));
    expect(init.equals(await readFile(join(folder, 'fmp4/init.mp4')))).toBe(true);
  });

  it('copies no file that no playlist names', async () => {
    await cp(join(folder, 'fmp4'), join(folder, 'more'), { recursive: true });
    await writeFile(join(folder, 'more/original.mp4'), 'the whole film in clear');
    const { out } = await pack('more');
    expect(await files(out)).not.toContain('original.mp4');
  });

  it('registers all keys before it writes anything that is encrypted with them', async () => {
    const out = join(folder, 'registered');
    const seen: string[][] = [];
    const register = async () => void seen.push(await files(out));
    await packHls({ source: join(folder, 'ts'), out, price: 1, keyUrl, register });
    expect(seen).toEqual([[]]);
  });

  it('leaves nothing behind if the keys cannot be registered', async () => {
    const out = join(folder, 'failed', 'deep');
    const register = () => Promise.reject(new TypeError('the disk is full'));
    await expect(packHls({ source: join(folder, 'ts'), out, price: 1, keyUrl, register })).rejects.toThrow(
      'full',
    );
    await expect(readdir(join(folder, 'failed'))).rejects.toThrow('ENOENT');
  });

  it('tells how far it is', async () => {
    const steps: unknown[] = [];
    await pack('fmp4', { onProgress: (progress) => steps.push(progress) });
    expect(steps).toEqual([1, 2, 3, 4].map((done) => ({ done, total: 4 })));
  });

  it('follows a live film until it ends', async () => {
    const source = join(folder, 'live');
    await mkdir(source);
    const encoder = startLiveFilm(source, { seconds: 4 });
    const ended = once(encoder, 'exit');
    const batches: number[] = [];
    const keys = new Map<string, FilmKey>();
    const out = join(folder, 'live-out');
    const film = await packHls({
      source,
      out,
      price: 1,
      keyUrl,
      register: (fresh) => {
        batches.push(fresh.length);
        for (const key of fresh) keys.set(keyUrl(key.id), key);
      },
      follow: { pollMs: 50 },
    });
    await ended;
    expect(batches.length).toBeGreaterThan(1);
    expect(film.segments).toBe(4);
    await expectSealed('live', out, keys, ['film.m3u8']);
    expect(await readFile(join(out, 'film.m3u8'), 'utf8')).toContain('#EXT-X-ENDLIST');
  });
});

describe('packHls follows playlists that are written by hand', () => {
  const head = '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n';
  const segment = (name: string) => `#EXTINF:1.0,\n${name}\n`;

  it('keeps the key of a segment while the window moves on, and drops what the encoder dropped', async () => {
    const source = join(folder, 'window');
    await mkdir(source);
    const write = (first: number, last: number, end = '') => {
      const numbers = Array.from({ length: last - first + 1 }, (_, at) => first + at);
      for (const n of numbers) writeFileSync(join(source, `${n}.ts`), `segment ${n}`);
      for (let n = 0; n < first - 1; n++) rmSync(join(source, `${n}.ts`), { force: true });
      const list = numbers.map((n) => segment(`${n}.ts`)).join('');
      writeFileSync(join(source, 'live.m3u8'), `${head}#EXT-X-MEDIA-SEQUENCE:${first}\n${list}${end}`);
    };
    write(0, 2);
    const out = join(folder, 'window-out');
    const keys = new Map<string, FilmKey>();
    const seen: Sealed[][] = [];
    const film = await packHls({
      source,
      out,
      price: 1,
      every: 2,
      keyUrl,
      register: async (fresh) => {
        if (keys.size > 0) seen.push(await readSealed(out, 'live.m3u8'));
        for (const key of fresh) keys.set(keyUrl(key.id), key);
      },
      onProgress: ({ done }) => {
        if (done === 3) write(2, 4);
        if (done === 5) write(4, 6, '#EXT-X-ENDLIST\n');
      },
      follow: { pollMs: 10 },
    });
    seen.push(await readSealed(out, 'live.m3u8'));
    expect(film.keys).toBe(4);
    const urls = new Map(seen.flat().map(({ path, url, iv }) => [path, `${url} ${iv}`]));
    for (const { path, url, iv } of seen.flat()) expect(urls.get(path)).toBe(`${url} ${iv}`);
    expect(urls.get('2.ts')!.split(' ')[0]).toBe(urls.get('3.ts')!.split(' ')[0]);
    expect(await files(out)).toEqual(['3.ts', '4.ts', '5.ts', '6.ts', 'live.m3u8']);
  });

  it('stops where it is told, with a playlist that has not ended', async () => {
    const source = join(folder, 'stopped');
    await mkdir(source);
    await writeFile(join(source, '0.ts'), 'a segment');
    await writeFile(join(source, 'live.m3u8'), head + segment('0.ts'));
    const stop = new AbortController();
    const { film, out } = await pack('stopped', {
      follow: { signal: stop.signal, pollMs: 10 },
      onProgress: () => stop.abort(),
    });
    expect(film.segments).toBe(1);
    expect(await readFile(join(out, 'live.m3u8'), 'utf8')).not.toContain('ENDLIST');
  });
});

describe('packHls refuses', () => {
  const head = '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n';
  const media = (...durations: number[]) =>
    head + durations.map((length, at) => `#EXTINF:${length},\n${at}.ts\n`).join('') + '#EXT-X-ENDLIST\n';
  const master =
    '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na/x.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nb/x.m3u8\n';

  async function refusal(content: Record<string, string>, more: Partial<PackHlsOptions> = {}) {
    const source = `bad-${count++}`;
    for (const [name, text] of Object.entries(content)) {
      await mkdir(dirname(join(folder, source, name)), { recursive: true });
      await writeFile(join(folder, source, name), text);
    }
    const error: unknown = await pack(source, more).catch((thrown: unknown) => thrown);
    if (!isImpulsError(error)) throw error;
    return error;
  }
  const segments = { '0.ts': 'a', '1.ts': 'b' };

  it.each([
    ['what is not HLS', { 'x.m3u8': 'hello' }, 'malformed', /not an HLS playlist/],
    ['an empty playlist', { 'x.m3u8': '#EXTM3U\n' }, 'malformed', /empty/],
    ['a folder without a playlist', { 'x.mp4': '' }, 'invalid-argument', /holds no playlist/],
    ['two films at once', { 'x.m3u8': media(2), 'y.m3u8': media(2) }, 'invalid-argument', /2 playlists/],
    [
      'a segment that is missing',
      { 'x.m3u8': media(2, 2), '0.ts': 'a' },
      'malformed',
      /names 1\.ts, which is not there/,
    ],
    [
      'a film that is encrypted already',
      { 'x.m3u8': media(2).replace('#EXTINF', '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF'), ...segments },
      'invalid-argument',
      /encrypted already/,
    ],
    [
      'byte ranges',
      { 'x.m3u8': media(2).replace(',\n', ',\n#EXT-X-BYTERANGE:100@0\n'), ...segments },
      'unsupported',
      /EXT-X-BYTERANGE/,
    ],
    [
      'an init segment by byte range',
      {
        'x.m3u8': media(2).replace('#EXTINF', '#EXT-X-MAP:URI="0.ts",BYTERANGE="9@0"\n#EXTINF'),
        ...segments,
      },
      'unsupported',
      /BYTERANGE/,
    ],
    [
      'a film that has not ended',
      { 'x.m3u8': media(2).replace('#EXT-X-ENDLIST\n', ''), ...segments },
      'invalid-argument',
      /has not ended/,
    ],
    [
      'names that lead out of the folder',
      { 'x.m3u8': media(2).replace('0.ts', '../0.ts') },
      'invalid-argument',
      /folder/,
    ],
    [
      'a segment without a duration',
      { 'x.m3u8': media(2).replace(/#EXTINF.*\n/, '') },
      'malformed',
      /without #EXTINF/,
    ],
    [
      'a segment that is named twice',
      { 'x.m3u8': media(2, 2).replace('1.ts', '0.ts'), ...segments },
      'invalid-argument',
      /twice/,
    ],
    [
      'renditions that do not line up',
      { 'm.m3u8': master, 'a/x.m3u8': media(2, 2), 'b/x.m3u8': media(1, 2) },
      'invalid-argument',
      /b\/x\.m3u8 do not line up/,
    ],
    [
      'renditions of different length',
      { 'm.m3u8': master, 'a/x.m3u8': media(2, 2, 2, 2), 'b/x.m3u8': media(2, 2) },
      'invalid-argument',
      /b\/x\.m3u8 do not line up.*ends/,
    ],
  ] as const)('%s', async (_, content, code, message) => {
    const error = await refusal(content);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('an output folder that is in use, or among the clear segments', async () => {
    for (const [out, message] of [
      [join(folder, 'ts'), /lies in the folder/],
      [join(folder, 'ts', 'sealed'), /lies in the folder/],
      [folder, /not empty/],
    ] as const) {
      await expect(pack('ts', { out })).rejects.toThrow(message);
    }
  });

  it('a price or a number that is out of range', async () => {
    await expect(pack('ts', { price: 0 })).rejects.toThrow(/price/);
    await expect(pack('ts', { every: 1.5 })).rejects.toThrow(/segments/);
  });
});
