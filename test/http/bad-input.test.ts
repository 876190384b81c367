import { afterEach, describe, expect, it } from 'vitest';
import { fromBase64url, toBase64url, verifyState } from '../../src/core/index.js';
import { limits } from '../../src/core/limits.js';
import { parseState, type Challenge, type PaymentPayload } from '../../src/core/wire/index.js';
import {
  activationOf,
  buyCard,
  challengesOf,
  claimOf,
  sealJson,
  stateRequestOf,
  type HandCard,
  type Payable,
} from '../support/card.js';
import { hosts, type Host } from '../support/hosts.js';
import { now } from '../support/vendor.js';

/** Every wrong credential gets its problem and its status, and changes nothing. */

const open: Host[] = [];
afterEach(async () => {
  for (const host of open.splice(0)) await host.close();
});

describe.each(hosts)('a vendor behind $name', ({ start }) => {
  let clock = now * 1000;

  async function vendor(): Promise<Host> {
    clock = now * 1000;
    const host = await start(
      {
        '/a': { price: 3, answer: () => ({ body: ['served'] }) },
        '/b': { price: 3, answer: () => ({ body: ['served'] }) },
        '/localized': { price: 1, headers: ['Accept-Language'], answer: () => ({ body: ['served'] }) },
        '/dear': { price: 200, answer: () => ({}) },
      },
      { clock: () => clock },
    );
    open.push(host);
    return host;
  }

  const post = (host: Host) => (path: string, body: unknown) =>
    host.request(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });

  async function newCard(host: Host, protocol: 'chain' | 'stream' = 'chain'): Promise<HandCard> {
    const [code] = await host.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    return buyCard(post(host), host.vendor.document, code!, { protocol }, 100);
  }

  async function activeCard(host: Host, protocol: 'chain' | 'stream' = 'chain'): Promise<HandCard> {
    const hand = await newCard(host, protocol);
    expect((await post(host)('/impuls/activate', await activationOf(hand, host.vendor.digest))).status).toBe(
      200,
    );
    return hand;
  }

  const sessionOf = async (host: Host, path = '/a'): Promise<Challenge> =>
    challengesOf(await host.request(path))[0]!;

  async function problemOf(response: Response): Promise<string> {
    const { type, status } = (await response.json()) as { type: string; status: number };
    expect(status).toBe(response.status);
    expect(response.headers.get('cache-control')).toBe('no-store');
    if (response.status === 402) expect(challengesOf(response)).toHaveLength(2);
    else expect(response.headers.has('www-authenticate')).toBe(false);
    return `${response.status} ${type.split(/[:/]/).at(-1)}`;
  }

  /** Sends one wrong credential and sees that it changed nothing. */
  async function refused(
    host: Host,
    authorization: string,
    init: RequestInit & { path?: string } = {},
  ): Promise<{ problem: string; response: Response }> {
    const before = await host.ledger.totals();
    const { path = '/a', ...rest } = init;
    const response = await host.request(path, {
      ...rest,
      headers: { ...Object.fromEntries(new Headers(rest.headers)), authorization },
    });
    const problem = await problemOf(response);
    expect(await host.ledger.totals()).toEqual(before);
    expect(host.errors).toEqual([]);
    return { problem, response };
  }

  it('refuses credentials that are no credentials', async () => {
    const host = await vendor();
    const cases = [
      'Payment',
      'Payment ',
      'Payment !!!',
      'Payment e30',
      `Payment ${toBase64url(new TextEncoder().encode('{"challenge":1}'))}`,
      `Payment ${toBase64url(new TextEncoder().encode('[]'))}`,
      `Payment ${toBase64url(Uint8Array.of(0xff, 0xfe))}`,
      `Payment ${'A'.repeat(limits.credentialBytes)}`,
    ];
    for (const authorization of cases) {
      const problem = await refused(host, authorization);
      expect([authorization.slice(0, 30), problem.problem]).toEqual([
        authorization.slice(0, 30),
        '402 malformed-credential',
      ]);
    }
  });

  it('refuses a truncated or changed credential, wherever it was changed', async () => {
    const host = await vendor();
    const hand = await activeCard(host);
    const { authorization } = claimOf(hand, await sessionOf(host), { target: '/a' }, { end: 3, units: 3 });
    for (let at = 9; at < authorization.length; at += 37) {
      await refused(host, authorization.slice(0, at));
      const other = authorization[at] === 'A' ? 'B' : 'A';
      await refused(host, authorization.slice(0, at) + other + authorization.slice(at + 1));
    }
    expect((await host.ledger.totals()).spent).toBe(0);
  });

  it('refuses a member of the payload that was changed after the tag', async () => {
    const host = await vendor();
    const hand = await activeCard(host);
    const session = await sessionOf(host);
    const changes: Array<Partial<PaymentPayload>> = [
      { end: 4 },
      { units: 2 },
      { nonce: new Uint8Array(16) },
      { proof: new Uint8Array(32) },
      { tag: new Uint8Array(16) },
      { card: new Uint8Array(16) },
      { digest: new Uint8Array(32) },
      { seal: 'aes128gcm' },
    ];
    for (const wrong of changes) {
      const { authorization } = claimOf(hand, session, { target: '/a' }, { end: 3, units: 3 }, wrong);
      const { problem, response } = await refused(host, authorization);
      expect([Object.keys(wrong), problem]).toEqual([Object.keys(wrong), '402 verification-failed']);
      expect(response.headers.has('impuls-state')).toBe(false);
    }
  });

  it('refuses a claim bound to another URL, method, header or body', async () => {
    const host = await vendor();
    const hand = await activeCard(host);
    const session = await sessionOf(host);
    const body = new TextEncoder().encode('{}');
    const numbers = { end: 3, units: 3 };
    const bound = (request: Payable): string => claimOf(hand, session, request, numbers).authorization;
    const unknown = '402 verification-failed';
    expect((await refused(host, bound({ target: '/b' }))).problem).toBe(unknown);
    expect((await refused(host, bound({ target: '/a?x=1' }))).problem).toBe(unknown);
    expect((await refused(host, bound({ target: '/a', method: 'DELETE' }))).problem).toBe(unknown);
    expect((await refused(host, bound({ target: '/a' }), { method: 'DELETE' })).problem).toBe(unknown);
    const french = { target: '/localized', headers: [['accept-language', 'fr']] as const };
    expect(
      (await refused(host, bound(french), { path: '/localized', headers: { 'accept-language': 'de' } }))
        .problem,
    ).toBe(unknown);
    const posted = bound({ target: '/a', method: 'POST', body });
    const other = await refused(host, posted, { method: 'POST', body: '{"more":1}' });
    expect(other.problem).toBe('402 invalid-payload');
    expect((await refused(host, posted, { method: 'POST' })).problem).toBe('402 invalid-payload');
    const bare = bound({ target: '/a', method: 'POST' });
    expect((await refused(host, bare, { method: 'POST', body: '{}' })).problem).toBe('402 invalid-payload');
  });

  it('accepts the declared header that a claim was bound to', async () => {
    const host = await vendor();
    const hand = await activeCard(host);
    const session = await sessionOf(host, '/localized');
    const request = { target: '/localized', headers: [['accept-language', 'fr']] as const };
    const { authorization } = claimOf(hand, session, request, { end: 1, units: 1 });
    const response = await host.request('/localized', {
      headers: { authorization, 'accept-language': 'fr' },
    });
    expect(response.status).toBe(200);
  });

  it('refuses a challenge that it did not make, and one that has expired', async () => {
    const host = await vendor();
    const hand = await activeCard(host);
    const session = await sessionOf(host);
    const numbers = { end: 3, units: 3 };
    for (const change of [
      { id: 'A'.repeat(43) },
      { realm: 'other.example' },
      { expires: '2036-01-01T00:00:00Z' },
      { intent: 'charge' },
    ]) {
      const { authorization } = claimOf(hand, { ...session, ...change }, { target: '/a' }, numbers);
      expect((await refused(host, authorization)).problem).toBe('402 invalid-challenge');
    }
    const late = claimOf(hand, session, { target: '/a' }, numbers);
    clock += 2 * 3600 * 1000;
    const { problem, response } = await refused(host, late.authorization);
    expect(problem).toBe('402 payment-expired');
    const state = parseState(response.headers.get('impuls-state')!);
    expect(verifyState(hand.card.keys.state, state, fromBase64url(hand.card.id), late.tag)).toBe(true);
    expect(state.verdict).toBe('expired');
  });

  it('takes a known claim for what it is after its challenge has expired', async () => {
    const host = await vendor();
    const hand = await activeCard(host);
    const { authorization } = claimOf(hand, await sessionOf(host), { target: '/a' }, { end: 3, units: 3 });
    expect((await host.request('/a', { headers: { authorization } })).status).toBe(200);
    clock += 2 * 3600 * 1000;
    expect((await host.request('/a', { headers: { authorization } })).status).toBe(200);
    expect((await host.ledger.totals()).spent).toBe(3);
  });

  it('refuses a card that is not active, is of another vendor, or has expired', async () => {
    const host = await vendor();
    const inactive = await newCard(host);
    const session = await sessionOf(host);
    const numbers = { end: 3, units: 3 };
    expect(
      (await refused(host, claimOf(inactive, session, { target: '/a' }, numbers).authorization)).problem,
    ).toBe('402 verification-failed');
    const foreign = await activeCard(await vendor());
    const moved = { ...foreign, document: host.vendor.document };
    expect(
      (await refused(host, claimOf(moved, session, { target: '/a' }, numbers).authorization)).problem,
    ).toBe('402 verification-failed');
    const hand = await activeCard(host);
    clock += 6 * 365 * 86_400 * 1000;
    const fresh = await sessionOf(host);
    expect((await refused(host, claimOf(hand, fresh, { target: '/a' }, numbers).authorization)).problem).toBe(
      '402 payment-expired',
    );
  });

  it('refuses to spend more than the card holds or less than the price', async () => {
    const host = await vendor();
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await activeCard(host, protocol);
      const low = claimOf(hand, await sessionOf(host), { target: '/a' }, { end: 2, units: 2 });
      expect((await refused(host, low.authorization)).problem).toBe('402 payment-insufficient');
      const dear = await sessionOf(host, '/dear');
      const claim = protocol === 'chain' ? { end: 200, units: 200 } : { end: 1, units: 200 };
      const proof = new Uint8Array(protocol === 'chain' ? 32 : 16);
      const source = { ...hand.card.source, proof: () => proof, ikm: () => new Uint8Array(32) };
      const beyond = claimOf({ ...hand, card: { ...hand.card, source } }, dear, { target: '/dear' }, claim);
      expect((await refused(host, beyond.authorization, { path: '/dear' })).problem).toBe(
        '402 payment-insufficient',
      );
    }
  });

  it('refuses a forged proof, and stops looking after some', async () => {
    const host = await vendor();
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await activeCard(host, protocol);
      const session = await sessionOf(host);
      const proof = new Uint8Array(protocol === 'chain' ? 32 : 16).fill(1);
      const source = { ...hand.card.source, proof: () => proof };
      const forger = { ...hand, card: { ...hand.card, source } };
      for (let i = 0; i < limits.forgeriesPerCard; i++) {
        const { authorization } = claimOf(forger, session, { target: '/a' }, { end: 3, units: 3 });
        expect((await refused(host, authorization)).problem).toBe('402 verification-failed');
      }
      const honest = claimOf(hand, session, { target: '/a' }, { end: 3, units: 3 });
      expect((await refused(host, honest.authorization)).problem).toBe('402 verification-failed');
    }
  });

  it('refuses a body that is too long before it reads it all', async () => {
    const host = await vendor();
    const hand = await activeCard(host);
    const body = new Uint8Array(limits.bodyBytes + 1);
    const { authorization } = claimOf(
      hand,
      await sessionOf(host),
      { target: '/a', method: 'POST', body },
      { end: 3, units: 3 },
    );
    const { problem } = await refused(host, authorization, { method: 'POST', body });
    expect(problem).toBe('413 body-too-large');
  });

  it('refuses wrong requests at its own endpoints', async () => {
    const host = await vendor();
    const hand = await newCard(host);
    const digest = host.vendor.digest;
    const [code] = await host.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    const send = async (path: string, body: unknown): Promise<string> =>
      problemOf(await post(host)(path, body));
    const before = await host.ledger.totals();
    const document = host.vendor.document;
    const item = { blinded: toBase64url(new Uint8Array(384).fill(1)), key: document.cards[0]!.id };

    // What is metered is named behind its endpoint: by itself that is nothing.
    const { meter, ...endpoints } = document.endpoints;
    expect((await host.request(meter!)).status).toBe(404);
    for (const path of Object.values(endpoints)) {
      expect(await problemOf(await host.request(path))).toBe('405 method-not-allowed');
      for (const body of ['', 'x', '[]', '{}', '{"a":1,"a":2}', `{"a":"${'x'.repeat(70_000)}"}`]) {
        expect(await send(path, body)).toMatch(/^4\d\d (malformed|body-too-large)$/);
      }
    }
    expect(await send('/impuls/activate', await activationOf(hand, toBase64url(new Uint8Array(32))))).toBe(
      '410 key-retired',
    );
    const activation = (await activationOf(hand, digest)) as { sealed: string; key: string };
    expect(await send('/impuls/activate', { ...activation, key: document.cards[1]!.id })).toBe(
      '400 malformed',
    );
    expect(await send('/impuls/activate', { ...activation, key: 'A'.repeat(22) })).toBe('410 key-retired');
    expect(await send('/impuls/activate', { ...activation, sealed: activation.sealed.slice(0, -2) })).toMatch(
      /^400/,
    );
    const unsigned = { ...hand, signature: new Uint8Array(384).fill(1) };
    expect(await send('/impuls/activate', await activationOf(unsigned, digest))).toMatch(/^4/);
    const dearer = { ...hand, keyId: document.cards[1]!.id };
    expect(await send('/impuls/activate', await activationOf(dearer, digest))).toMatch(/^4/);

    expect(
      await send('/impuls/issue', await sealJson(document, 'order', { order: code, items: [item] })),
    ).toBe('400 malformed');
    expect(
      await send('/impuls/issue', await sealJson(document, 'issue', { order: 'AAAAA', items: [item] })),
    ).toMatch(/order-unknown/);
    expect(await send('/impuls/issue', await sealJson(document, 'issue', { order: code, items: [] }))).toBe(
      '400 malformed',
    );
    expect(
      await send('/impuls/issue', await sealJson(document, 'issue', { order: code, items: [item, item] })),
    ).toMatch(/order-mismatch/);
    const other = { ...item, key: document.cards[1]!.id };
    expect(
      await send('/impuls/issue', await sealJson(document, 'issue', { order: code, items: [other] })),
    ).toMatch(/order-mismatch/);
    for (const value of [0, 1]) {
      const blinded = new Uint8Array(384);
      blinded[383] = value;
      const low = { ...item, blinded: toBase64url(blinded) };
      expect(
        await send('/impuls/issue', await sealJson(document, 'issue', { order: code, items: [low] })),
      ).toBe('400 malformed');
    }
    const state = stateRequestOf(hand, 'state');
    expect(await send('/impuls/state', state)).toBe('404 card-unknown');
    expect(await host.ledger.totals()).toEqual(before);
  });

  it('tells the state and the statement of a card to its holder only', async () => {
    const host = await vendor();
    const hand = await activeCard(host);
    const good = await post(host)('/impuls/state', stateRequestOf(hand, 'state'));
    expect(await good.json()).toMatchObject({ units: 100, spent: 0, top: 0, gaps: [] });
    expect(await problemOf(await post(host)('/impuls/statement', stateRequestOf(hand, 'state')))).toBe(
      '404 card-unknown',
    );
    const wrong = { ...stateRequestOf(hand, 'state'), tag: toBase64url(new Uint8Array(16)) };
    expect(await problemOf(await post(host)('/impuls/state', wrong))).toBe('404 card-unknown');
    const statement = await post(host)('/impuls/statement', stateRequestOf(hand, 'statement'));
    expect(await statement.json()).toMatchObject({ statement: { card: hand.card.id, origin: host.origin } });
  });

  it('stops listening to a source that guesses vouchers, and says for how long', async () => {
    const host = await vendor();
    const document = host.vendor.document;
    const guess = async (): Promise<Response> =>
      post(host)('/impuls/order', await sealJson(document, 'order', { order: 'K7Q2M-00000-00000-00000' }));
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) statuses.push((await guess()).status);
    expect(statuses).toEqual([...Array<number>(10).fill(403), 429, 429]);
    expect(host.vendor.failures.level).toBeGreaterThan(9);
    const [code] = await host.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    const right = await sealJson(document, 'order', { order: code });
    expect((await post(host)('/impuls/order', right)).status).toBe(429);
    clock += 600_000;
    expect((await post(host)('/impuls/order', right)).status).toBe(200);
  });

  it('serves an order once: the same request gets the same signatures, another is refused', async () => {
    const host = await vendor();
    const document = host.vendor.document;
    const [code] = await host.vendor.createVouchers([{ denomination: 100, count: 2 }], 1);
    const key = document.cards[0]!.id;
    const item = (fill: number) => ({ blinded: toBase64url(new Uint8Array(384).fill(fill)), key });
    const issue = async (a: number, b: number): Promise<Response> =>
      post(host)(
        '/impuls/issue',
        await sealJson(document, 'issue', { order: code, items: [item(a), item(b)] }),
      );
    const first = await (await issue(1, 2)).text();
    expect(await (await issue(1, 2)).text()).toBe(first);
    expect((await issue(2, 1)).status).toBe(409);
    expect((await host.ledger.totals()).ordersServed).toBe(1);
  });
});
