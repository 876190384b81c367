import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { KeyChecks } from '../src/client/index.js';
import { toBase64url } from '../src/core/base64url.js';
import {
  formatKeyDocument,
  issuingKeyId,
  parseKeyDocument,
  type KeyDocument,
} from '../src/core/key-document.js';
import { createWorld, direct, origin, type Network, type World } from './client-fixture.js';

const mirror = 'https://mirror.example/news.json';
const digestOf = (document: KeyDocument): string =>
  toBase64url(parseKeyDocument(formatKeyDocument(document)).digest);
const bodyOf = (document: KeyDocument): BodyInit => formatKeyDocument(document) as BodyInit;
const succeed = (document: KeyDocument, change: Partial<KeyDocument>): KeyDocument => ({
  ...document,
  ...change,
  previous: [...document.previous, digestOf(document)],
});

/** The vendor shows one document, the mirror another one. */
function between(shown: KeyDocument, copy: Response | KeyDocument): Network {
  return async (request, deliver) => {
    if (request.url === mirror) return copy instanceof Response ? copy : new Response(bodyOf(copy));
    if (request.url.endsWith('/.well-known/impuls')) return new Response(bodyOf(shown));
    return deliver();
  };
}

/** What a vendor would show to one buyer only: everything as before, and one more key. */
function targeted(document: KeyDocument): KeyDocument {
  const n = new Uint8Array(randomBytes(384));
  n[0]! |= 0x80;
  n[383]! |= 1;
  const [key] = document.cards;
  const own = { ...key!, n: toBase64url(n), id: issuingKeyId(n), notAfter: key!.notAfter + 86_400 };
  return succeed(document, { cards: [...document.cards, own] });
}

const checks: KeyChecks = { mirrors: { [origin]: [mirror] } };

async function check(world: World, keyChecks: KeyChecks = checks) {
  return (await world.open()).checkKeys(origin, keyChecks);
}

describe('checking the keys of a vendor', () => {
  it('is confirmed by a mirror and by a second path that show the same', async () => {
    const world = await createWorld({});
    const { document } = world.vendor;
    world.network = between(document, document);
    const report = await check(world, { ...checks, secondPath: world.fetch });
    expect(report).toMatchObject({
      vendor: origin,
      digest: digestOf(document),
      verdict: 'confirmed',
      checks: [
        { source: 'pin', outcome: 'none' },
        { source: 'second path', url: `${origin}/.well-known/impuls`, outcome: 'same' },
        { source: 'mirror', url: mirror, outcome: 'same', digest: digestOf(document), details: [] },
      ],
    });
  });

  it('tells an older and a newer copy from one that contradicts', async () => {
    const world = await createWorld({});
    const { document } = world.vendor;
    const next = succeed(document, { name: 'Better News' });
    const outcome = async (shown: KeyDocument, copy: KeyDocument | Response) => {
      world.network = between(shown, copy);
      const { verdict, checks } = await check(world);
      return [verdict, checks[1]!.outcome];
    };
    expect(await outcome(next, document)).toEqual(['unconfirmed', 'older']);
    expect(await outcome(document, next)).toEqual(['confirmed', 'newer']);
    expect(await outcome(succeed(document, { name: 'A' }), succeed(document, { name: 'B' }))).toEqual([
      'contradicted',
      'different',
    ]);
    expect(await outcome(succeed(document, { cards: [] }), document)).toEqual(['unconfirmed', 'older']);
    const altered = document.cards.map((card) => ({ ...card, epoch: 'x' }));
    expect(await outcome(succeed(document, { cards: altered }), document)).toEqual([
      'contradicted',
      'different',
    ]);
    expect(await outcome(document, new Response('gone', { status: 404 }))).toEqual([
      'unconfirmed',
      'unreachable',
    ]);
    expect(await outcome(document, new Response('<html>'))).toEqual(['unconfirmed', 'invalid']);
    const foreign = { ...document, origin: 'https://other.example' };
    expect(await outcome(document, foreign)).toEqual(['unconfirmed', 'invalid']);
  });

  it('compares with what is pinned, and pins nothing', async () => {
    const world = await createWorld({});
    const wallet = await world.richWallet('chain');
    const { document } = world.vendor;
    const pin = async (shown: KeyDocument) => {
      world.network = between(shown, shown);
      return (await wallet.checkKeys(origin)).checks;
    };
    expect(await pin(document)).toMatchObject([{ source: 'pin', outcome: 'same' }]);
    expect(await pin(succeed(document, { name: 'Better News' }))).toMatchObject([{ outcome: 'older' }]);
    expect(await pin({ ...document, name: 'Your Own News' })).toMatchObject([
      { outcome: 'different', details: [expect.stringContaining('"name"')] },
    ]);
    const dropped = await pin(succeed(document, { cards: [] }));
    expect(dropped).toMatchObject([{ outcome: 'different' }]);
    expect(dropped[0]!.details.join()).toContain('of which this wallet holds cards');
    expect(await pin(document)).toMatchObject([{ outcome: 'same' }]);
    expect(wallet.cards()[0]!.vendor.name).toBe('Example News');
  });

  it('says which key is whose', async () => {
    const world = await createWorld({});
    const { document } = world.vendor;
    const shown = targeted(document);
    world.network = between(shown, succeed(document, { name: 'Better News' }));
    const { verdict, checks } = await check(world);
    expect(verdict).toBe('contradicted');
    expect(checks[1]!.details).toEqual([
      `the issuing key ${shown.cards[1]!.id} for cards of 100 is only at the vendor`,
      '"name" is not the same',
    ]);
  });
});

describe('redeeming with mirrors', () => {
  async function redeem(world: World, network: Network, log: string[] = []) {
    const wallet = await world.open({ keyChecks: checks, log: (line) => log.push(line) });
    const code = await world.voucher();
    world.network = network;
    return wallet.redeem(origin, code, { protocol: 'chain' });
  }

  it('buys under keys that a mirror has, also if its copy is older, and tells the outcome', async () => {
    const world = await createWorld({});
    const { document } = world.vendor;
    const log: string[] = [];
    expect(await redeem(world, between(document, document), log)).toHaveLength(1);
    expect(log.join()).toContain(`${mirror}: same`);
    expect(await redeem(world, between(succeed(document, { name: 'Better News' }), document))).toHaveLength(
      1,
    );
  });

  it('refuses a key of its own before anything is blinded, and says what to do', async () => {
    const world = await createWorld({});
    const { document } = world.vendor;
    await expect(redeem(world, between(targeted(document), document))).rejects.toMatchObject({
      code: 'bad-document',
      message: expect.stringContaining('the vendor alone shows it'),
      hint: expect.stringContaining('ask the vendor in public'),
    });
    const fork = succeed(document, { name: 'Better News' });
    await expect(redeem(world, between(targeted(document), fork))).rejects.toMatchObject({
      code: 'bad-document',
      message: expect.stringContaining(`other keys than ${mirror} has`),
    });
    expect(world.arrived).not.toContain('POST /impuls/issue');
  });

  it('buys nothing while no mirror can be reached', async () => {
    const world = await createWorld({});
    const down = between(world.vendor.document, new Response('', { status: 503 }));
    await expect(redeem(world, down)).rejects.toMatchObject({ code: 'network' });
    expect(world.arrived).not.toContain('POST /impuls/issue');
  });

  it('asks mirrors over TLS only', async () => {
    const world = await createWorld({});
    world.network = direct;
    await expect(
      check(world, { mirrors: { [origin]: ['http://mirror.example/news.json'] } }),
    ).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
