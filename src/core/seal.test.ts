import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from './bytes.js';
import { ChunkReader } from './chunk-reader.js';
import { isImpulsError } from './errors.js';
import {
  contentOfRecord,
  keyIdText,
  openSealedBody,
  openSealedRecords,
  readSealHeader,
  sealBody,
  sizeOfSealed,
} from './seal.js';

const ece = createRequire(import.meta.url)('http_ece') as Record<
  'encrypt' | 'decrypt',
  (body: Buffer, parameters: Record<string, unknown>) => Buffer
>;

const bytes = (base64url: string) => new Uint8Array(Buffer.from(base64url, 'base64url'));
const random = (length: number) => new Uint8Array(randomBytes(length));
const key = random(32);
const salt = random(16);

async function* chunked(body: Uint8Array, sizes: readonly number[] = []): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    yield body.subarray(at, (at += size));
    if (at >= body.length) return;
  }
  yield body.subarray(at);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return concat(...parts);
}

const seal = (body: Uint8Array, recordBytes?: number, sizes?: readonly number[]) =>
  collect(sealBody(key, chunked(body, sizes), recordBytes === undefined ? { salt } : { salt, recordBytes }));
const open = (sealed: Uint8Array, sizes?: readonly number[]) =>
  collect(openSealedBody(key, chunked(sealed, sizes)));

/** What came out before the end or the error, and the error's code. */
async function attempt(sealed: Uint8Array, withKey = key): Promise<{ body: Uint8Array; code: unknown }> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of openSealedBody(withKey, chunked(sealed))) parts.push(part);
  } catch (error) {
    return { body: concat(...parts), code: isImpulsError(error) ? error.code : error };
  }
  return { body: concat(...parts), code: undefined };
}

const startsWith = (whole: Uint8Array, start: Uint8Array) =>
  Buffer.from(whole.subarray(0, start.length)).equals(start);

describe('the examples of RFC 8188', () => {
  const walrus = utf8('I am the walrus');

  it('§3.1 is sealed and opened byte for byte', async () => {
    const ikm = bytes('yqdlZ-tYemfogSmv7Ws5PQ');
    const sealed = bytes('I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg');
    const options = { salt: bytes('I1BsxtFttlv3u_Oo94xnmw'), recordBytes: 4096 };
    expect(await collect(sealBody(ikm, chunked(walrus), options))).toEqual(sealed);
    expect(await collect(openSealedBody(ikm, chunked(sealed)))).toEqual(walrus);
  });

  it('§3.2 with two records, padding and a key id is opened', async () => {
    const ikm = bytes('BO3ZVPxUlnLORbVGMpbT1Q');
    const sealed = bytes(
      'uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA',
    );
    expect(await collect(openSealedBody(ikm, chunked(sealed)))).toEqual(walrus);
  });
});

describe('http_ece', () => {
  it('opens what is sealed here, and what it seals with padding and a key id opens here', async () => {
    const shortKey = Buffer.from(random(16)); // it takes no other length
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 18, max: 100 }),
        fc.nat(30),
        fc.string({ maxLength: 40 }),
        async (body, rs, anyPad, keyid) => {
          const pad = Math.min(anyPad, rs - 18); // more leaves records that are cut short
          fc.pre(Buffer.byteLength(keyid) < 256);
          const named = sealBody(shortKey, chunked(body), { salt, recordBytes: rs, keyId: keyid });
          const found = ece.decrypt(Buffer.from(await collect(named)), {
            keymap: { [Buffer.from(keyid).toString('utf8')]: shortKey },
          });
          expect(new Uint8Array(found)).toEqual(body);
          const ours = await collect(sealBody(shortKey, chunked(body), { salt, recordBytes: rs }));
          expect(new Uint8Array(ece.decrypt(Buffer.from(ours), { key: shortKey }))).toEqual(body);
          const theirs = ece.encrypt(Buffer.from(body), { key: shortKey, salt, rs, pad, keyid });
          const opened = openSealedBody(shortKey, chunked(new Uint8Array(theirs)));
          expect(await collect(opened)).toEqual(body);
          const byId = openSealedBody(
            async (id) => {
              expect(id).toBe(keyid);
              return shortKey;
            },
            chunked(new Uint8Array(theirs)),
          );
          expect(await collect(byId)).toEqual(body);
        },
      ),
    );
  });
});

describe('a sealed body', () => {
  it('opens to the same bytes, in whatever chunks both sides arrive', async () => {
    const sizes = fc.array(fc.nat(40));
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 18, max: 80 }),
        sizes,
        sizes,
        async (body, recordBytes, before, after) => {
          const sealed = await seal(body, recordBytes, before);
          expect(sealed).toEqual(await seal(body, recordBytes));
          expect(await open(sealed, after)).toEqual(body);
        },
      ),
    );
  });

  it('has one record more than is full, and at least one', async () => {
    for (const [length, records] of [
      [0, 1],
      [1, 1],
      [83, 1],
      [84, 2],
      [166, 2],
      [167, 3],
    ] as const) {
      const sealed = await seal(random(length), 100);
      expect(sealed.length).toBe(21 + length + 17 * records);
      expect(await open(sealed)).toHaveLength(length);
    }
  });

  it('has records of 65,536 bytes unless told otherwise', async () => {
    const body = random(200_000);
    const sealed = await seal(body);
    expect([...sealed.subarray(16, 21)]).toEqual([0, 1, 0, 0, 0]);
    expect(Buffer.from(body).equals(await open(sealed))).toBe(true);
    const parts: number[] = [];
    for await (const part of openSealedBody(key, chunked(sealed))) parts.push(part.length);
    expect(parts).toEqual([65_519, 65_519, 65_519, 200_000 - 3 * 65_519]);
  });

  it('is refused if any byte is another, and gives out only what was authentic before it', async () => {
    const body = random(100);
    const sealed = await seal(body, 50);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sealed.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (position, flip) => {
          const changed = sealed.slice();
          changed[position]! ^= flip;
          const { body: got, code } = await attempt(changed);
          expect(code).toBe('bad-seal');
          expect(got.length).toBe(position < 21 ? 0 : 33 * Math.floor((position - 21) / 50));
          expect(startsWith(body, got)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is refused if it is cut anywhere, also between two records', async () => {
    const body = random(100);
    const sealed = await seal(body, 50);
    for (let length = 0; length < sealed.length; length++) {
      const { body: got, code } = await attempt(sealed.subarray(0, length));
      expect(code).toBe('bad-seal');
      expect(startsWith(body, got)).toBe(true);
      expect(got.length).toBeLessThan(body.length);
    }
    expect((await attempt(sealed)).code).toBeUndefined();
  });

  it('is refused if bytes follow, records change places or another key is used', async () => {
    const sealed = await seal(random(100), 50);
    const part = (index: number) => sealed.subarray(21 + 50 * index, 71 + 50 * index);
    const header = sealed.subarray(0, 21);
    expect((await attempt(concat(sealed, Uint8Array.of(0)))).code).toBe('bad-seal');
    expect((await attempt(concat(header, part(1), part(0), part(2), part(3)))).code).toBe('bad-seal');
    expect((await attempt(concat(header, part(0), part(2), part(3)))).code).toBe('bad-seal');
    expect(await attempt(sealed, random(32))).toEqual({ body: new Uint8Array(), code: 'bad-seal' });
    const full = await seal(random(66), 50);
    expect((await attempt(concat(full, full.subarray(21)))).code).toBe('bad-seal');
  });

  it('is refused with a record size that is out of range, before more is read', async () => {
    for (const [size, code] of [
      [17, 'bad-seal'],
      [0, 'bad-seal'],
      [(1 << 20) + 1, 'bad-seal'],
      [0xffff_ffff, 'bad-seal'],
    ] as const) {
      const header = new Uint8Array(21);
      new DataView(header.buffer).setUint32(16, size);
      let pulls = 0;
      const source = (async function* () {
        pulls++;
        yield header;
        pulls++;
        yield random(100);
      })();
      await expect(collect(openSealedBody(key, source))).rejects.toMatchObject({ code });
      expect(pulls).toBe(1);
    }
    for (const recordBytes of [17, (1 << 20) + 1, 20.5, Number.NaN]) {
      await expect(seal(random(3), recordBytes)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    await expect(collect(sealBody(key, chunked(random(3)), { salt: random(15) }))).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    expect(await open(await seal(random(5), 18))).toHaveLength(5);
    expect(await open(await seal(random(5), 1 << 20))).toHaveLength(5);
  });

  it('of any bytes raises only ImpulsError', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (any) => {
        expect((await attempt(any)).code).toBe('bad-seal');
      }),
    );
  });
});

describe('a sealed body with a key id', () => {
  const keyId = 'https://news.example/impuls/keys/AAAAAAAAAAAAAAAAAAAAAA';

  it('tells what opens it, before anything else is read', async () => {
    const body = random(100);
    const sealed = await collect(sealBody(key, chunked(body), { salt, recordBytes: 50, keyId }));
    const asked: string[] = [];
    const find = async (id: string) => {
      asked.push(id);
      return key;
    };
    expect(await collect(openSealedBody(find, chunked(sealed, [3, 19, 1])))).toEqual(body);
    expect(asked).toEqual([keyId]);
    expect(await open(sealed)).toEqual(body);
    const bytesAsId = await collect(sealBody(key, chunked(body), { salt, keyId: utf8(keyId) }));
    expect(keyIdText(await readSealHeader(new ChunkReader(chunked(bytesAsId))))).toBe(keyId);
  });

  it('is refused with one that is too long or no text, and passes on why no key was found', async () => {
    const sealing = sealBody(key, chunked(random(3)), { salt, keyId: 'ä'.repeat(128) });
    await expect(collect(sealing)).rejects.toMatchObject({ code: 'invalid-argument' });
    const find = async () => key;
    const noText = await collect(sealBody(key, chunked(random(3)), { salt, keyId: Uint8Array.of(0xff) }));
    await expect(collect(openSealedBody(find, chunked(noText)))).rejects.toMatchObject({ code: 'bad-seal' });
    const failure = new TypeError('no shop');
    const failing = async () => Promise.reject(failure);
    const sealed = await collect(sealBody(key, chunked(random(3)), { salt, keyId }));
    await expect(collect(openSealedBody(failing, chunked(sealed)))).rejects.toBe(failure);
  });

  it('is opened from any of its records on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(120), fc.integer({ min: 18, max: 80 }), async (length, recordBytes) => {
        const body = random(length);
        const sealed = await collect(sealBody(key, chunked(body), { salt, recordBytes, keyId }));
        const header = await readSealHeader(new ChunkReader(chunked(sealed)));
        expect(header).toEqual({ salt, recordBytes, keyId: utf8(keyId), length: 21 + keyId.length });
        expect(sizeOfSealed(header, sealed.length)).toBe(length);
        const records = Math.max(1, Math.ceil(length / contentOfRecord(recordBytes)));
        for (let from = 0; from < records; from++) {
          const rest = sealed.subarray(header.length + from * recordBytes);
          const opened = await collect(openSealedRecords(key, header, chunked(rest, [7, 50]), from));
          expect(opened).toEqual(body.subarray(from * contentOfRecord(recordBytes)));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('gives out no byte of a record that was altered, or that is not the one asked for', async () => {
    const sealed = await collect(sealBody(key, chunked(random(200)), { salt, recordBytes: 50, keyId }));
    const header = await readSealHeader(new ChunkReader(chunked(sealed)));
    const attemptFrom = async (rest: Uint8Array, from: number) => {
      const parts: Uint8Array[] = [];
      const opening = (async () => {
        for await (const part of openSealedRecords(key, header, chunked(rest), from)) parts.push(part);
      })();
      await expect(opening).rejects.toMatchObject({ code: 'bad-seal' });
      return parts.length;
    };
    for (let record = 0; record < 4; record++) {
      const changed = sealed.slice();
      changed[header.length + record * 50 + 20]! ^= 1;
      expect(await attemptFrom(changed.subarray(header.length), 0)).toBe(record);
      expect(await attemptFrom(sealed.subarray(header.length + record * 50), record + 1)).toBe(0);
      expect(await attemptFrom(sealed.subarray(header.length + record * 50 + 1), record)).toBe(0);
    }
    expect(await attemptFrom(new Uint8Array(0), 2)).toBe(0);
  });
});

describe('a sealed stream', () => {
  it('reads no further than one record ahead of what is taken', async () => {
    let given = 0;
    const endless = (async function* () {
      for (;;) {
        given++;
        yield random(33);
      }
    })();
    const sealed = sealBody(key, endless, { salt, recordBytes: 50 });
    const opened = openSealedBody(key, sealed);
    for (let taken = 1; taken <= 20; taken++) {
      await opened.next();
      expect(given).toBeLessThanOrEqual(taken + 2);
    }
    await opened.return();
    expect(await endless.next()).toEqual({ value: undefined, done: true });
  });

  it('passes an error of its source on and tells a source that it stopped', async () => {
    const failure = new TypeError('the network went away');
    const failing = (async function* () {
      yield random(60);
      throw failure;
    })();
    await expect(collect(sealBody(key, failing, { salt, recordBytes: 50 }))).rejects.toBe(failure);
    let closed = 0;
    const source = (async function* () {
      try {
        yield random(300);
        yield random(300);
      } finally {
        closed++;
      }
    })();
    await expect(collect(openSealedBody(key, source))).rejects.toMatchObject({ code: 'bad-seal' });
    expect(closed).toBe(1);
  });

  it('survives a source that reuses its buffer', async () => {
    const buffer = new Uint8Array(40);
    const reusing = (async function* () {
      for (let i = 1; i <= 5; i++) yield buffer.fill(i);
    })();
    const sealed = await collect(sealBody(key, reusing, { salt, recordBytes: 57 }));
    const body = concat(...[1, 2, 3, 4, 5].map((value) => new Uint8Array(40).fill(value)));
    expect(await open(sealed)).toEqual(body);
    const record = new Uint8Array(57);
    const alsoReusing = (async function* () {
      yield sealed.subarray(0, 21);
      for (let at = 21; at < sealed.length; at += 57) {
        const part = sealed.subarray(at, at + 57);
        record.set(part);
        yield record.subarray(0, part.length);
      }
    })();
    expect(await collect(openSealedBody(key, alsoReusing))).toEqual(body);
  });
});

describe('a body that comes bit by bit', () => {
  const short = random(16);

  it('leaves chunk by chunk, each given out before the next is there, and others read it too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 90 }), { maxLength: 6 }),
        fc.integer({ min: 18, max: 64 }),
        async (chunks, recordBytes) => {
          let given = 0;
          const source = (async function* () {
            for (const chunk of chunks) {
              given++;
              yield chunk;
            }
          })();
          const sealed: Uint8Array[] = [];
          const watched = (async function* () {
            for await (const record of sealBody(short, source, { salt, recordBytes, flush: 'chunk' })) {
              sealed.push(record);
              yield record;
            }
          })();
          const parts: Uint8Array[] = [];
          let length = 0;
          for await (const part of openSealedBody(short, watched)) {
            parts.push(part);
            length += part.length;
            // All of the chunks before are out once the next is asked for.
            expect(length).toBeGreaterThan(concat(...chunks.slice(0, given - 1)).length);
          }
          expect(concat(...parts)).toEqual(concat(...chunks));
          const body = ece.decrypt(Buffer.from(concat(...sealed)), { key: Buffer.from(short) });
          expect(new Uint8Array(body)).toEqual(concat(...chunks));
        },
      ),
      { numRuns: 40 },
    );
  });
});
