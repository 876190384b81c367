import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  deriveSealKey,
  fromBase64url,
  openSealedBody,
  verifyReceipt,
  verifyState,
} from '../../src/core/index.js';
import { parseReceipt, parseState } from '../../src/core/wire/index.js';
import {
  activationOf,
  buyCard,
  challengesOf,
  claimOf,
  type HandCard,
  type HandClaim,
  type Payable,
} from '../support/card.js';
import { long, openShop, type Shop } from './shop.js';
import { shops } from './shops/index.js';

/** What a seller may rely on behind any framework, written once. */

const page = 'https://reader.example';

describe.each(shops)('a shop on $name', ({ name, serve }) => {
  let shop: Shop;
  let hand: HandCard;
  /** Units that claims have taken so far. */
  let top = 0;
  let before = 0;

  beforeAll(async () => {
    shop = await openShop(serve);
    const post = (path: string, body: unknown): Promise<Response> =>
      shop.request(path, { method: 'POST', body: JSON.stringify(body) });
    const [code] = await shop.vendor.createVouchers([{ denomination: 1000, count: 1 }], 1);
    hand = await buyCard(post, shop.vendor.document, code!, { protocol: 'chain' }, 1000);
    expect((await post('/impuls/activate', await activationOf(hand, shop.vendor.digest))).status).toBe(200);
  });
  afterAll(() => shop.close());

  const spent = async (): Promise<number> => (await shop.ledger.totals()).spent;
  beforeEach(async () => {
    before = await spent();
    shop.errors.length = 0;
  });
  const cost = async (): Promise<number> => (await spent()) - before;

  async function claimFor(request: Payable, units = 3): Promise<HandClaim> {
    const { method = 'GET', target } = request;
    const refused = await shop.request(target, { method });
    expect(refused.status).toBe(402);
    await refused.arrayBuffer();
    const [session] = challengesOf(refused);
    return claimOf(hand, session!, request, { end: (top += units), units });
  }

  function send(
    claim: HandClaim,
    { method = 'GET', target, body }: Payable,
    headers = {},
  ): Promise<Response> {
    return shop.request(target, {
      method,
      headers: { ...headers, authorization: claim.authorization },
      ...(body && { body: body as BodyInit }),
    });
  }

  async function pay(target: string): Promise<{ claim: HandClaim; response: Response }> {
    const claim = await claimFor({ target });
    return { claim, response: await send(claim, { target }) };
  }

  function receiptOf(response: Response, claim: HandClaim): { verdict: string; units: number } {
    const receipt = parseReceipt(response.headers.get('payment-receipt')!);
    expect(verifyReceipt(claim.key, claim.tag, receipt)).toBe(true);
    return receipt;
  }

  function verdictOf(response: Response, claim: HandClaim): string {
    const state = parseState(response.headers.get('impuls-state')!);
    expect(verifyState(hand.card.keys.state, state, fromBase64url(hand.card.id), claim.tag)).toBe(true);
    expect(response.headers.has('payment-receipt')).toBe(false);
    return state.verdict;
  }

  it('is asked for payment, and asks for what the route costs', async () => {
    const response = await shop.request('/json');
    expect(response.status).toBe(402);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 402, detail: 'This costs 3 units.' });
    expect(challengesOf(response).map(({ intent }) => intent)).toEqual(['session', 'charge']);
    expect(await (await shop.request('/sized?n=7')).text()).toContain('This costs 7 units.');
    expect(await (await shop.request('/free')).text()).toBe('free');
    expect(await cost()).toBe(0);
  });

  it('puts a receipt on an answer, whichever way it is given', async () => {
    const bodies = { '/json': '{"answer":"json"}', '/text': 'text', '/stream': long, '/empty': '' };
    for (const [target, body] of Object.entries(bodies)) {
      const { claim, response } = await pay(target);
      expect([target, response.status]).toEqual([target, target === '/empty' ? 204 : 200]);
      expect(receiptOf(response, claim)).toMatchObject({ verdict: 'accepted', units: 3 });
      expect(response.headers.get('cache-control')).toBe(target === '/text' ? 'no-store' : 'private');
      expect(await response.text()).toBe(body);
    }
    expect(await cost()).toBe(12);
    expect(shop.errors).toEqual([]);
  });

  it('charges a redirect and a 304, and says so with the state of the card', async () => {
    for (const [target, status] of [
      ['/redirect', 302],
      ['/same', 304],
    ] as const) {
      const { claim, response } = await pay(target);
      expect(response.status).toBe(status);
      expect(verdictOf(response, claim)).toBe('accepted');
      await response.text();
    }
    expect(await cost()).toBe(6);
  });

  it('answers HEAD with a receipt and no body', async () => {
    const request = { method: 'HEAD', target: '/text' };
    const claim = await claimFor(request);
    const response = await send(claim, request);
    expect(response.status).toBe(200);
    expect(receiptOf(response, claim).units).toBe(3);
    expect(await response.text()).toBe('');
  });

  it('serves a repeat of a safe request again, without a charge', async () => {
    const { claim, response } = await pay('/json');
    await response.text();
    const again = await send(claim, { target: '/json' });
    expect(receiptOf(again, claim)).toMatchObject({ verdict: 'repeated', units: 3 });
    expect(await again.json()).toEqual({ answer: 'json' });
    expect(await cost()).toBe(3);
  });

  it('returns the units of an answer that is an error, and gives the answer whole', async () => {
    for (const [target, status, body] of [
      ['/missing', 404, undefined],
      ['/refused', 422, long],
      ['/throws', 500, undefined],
      ['/rejects', 500, undefined],
    ] as const) {
      const { claim, response } = await pay(target);
      expect([target, response.status]).toEqual([target, status]);
      const text = await response.text();
      if (body !== undefined) expect(text).toBe(body);
      // Where an error goes on to the caller, the answer is the caller's.
      if (response.headers.has('impuls-state')) expect(verdictOf(response, claim)).toBe('released');
      expect(response.headers.has('payment-receipt')).toBe(false);
      expect(await cost()).toBe(0);
      const again = await send(claim, { target });
      expect([target, again.status, verdictOf(again, claim)]).toEqual([target, 409, 'released']);
      await again.arrayBuffer();
    }
    expect(shop.errors.map(String)).toEqual(['TypeError: thrown', 'TypeError: rejected']);
  });

  it('knows the price that the request makes, and what the handler used', async () => {
    const sized = { target: '/sized?n=5' };
    const five = await claimFor(sized, 5);
    expect(await (await send(five, sized)).text()).toBe('5');
    const metered = { target: '/metered?n=4' };
    const ten = await claimFor(metered, 10);
    const response = await send(ten, metered);
    expect(receiptOf(response, ten).units).toBe(4);
    expect(await response.text()).toBe('metered');
    expect(await cost()).toBe(9);
  });

  it('reads a body behind the gate as it always does, and gives a repeat what it answered', async () => {
    const body = new TextEncoder().encode('{"item":"bread"}');
    const request = { method: 'POST', target: '/order', body };
    const claim = await claimFor(request);
    const runs: unknown[] = [];
    for (const verdict of ['accepted', 'repeated']) {
      const response = await send(claim, request, { 'content-type': 'application/json' });
      expect(response.status).toBe(201);
      expect(response.headers.get('content-type')).toContain('application/json');
      expect(receiptOf(response, claim)).toMatchObject({ verdict, units: 3 });
      runs.push(await response.json());
    }
    expect(runs[0]).toMatchObject({ item: 'bread' });
    expect(runs[1]).toEqual(runs[0]);
    expect(await cost()).toBe(3);
  });

  it('gives a long body to a handler that reads the stream, sent in pieces or whole', async () => {
    const body = new TextEncoder().encode(long);
    for (const inPieces of [false, true]) {
      const request = { method: 'POST', target: '/upload', body };
      const claim = await claimFor(request);
      const source = inPieces ? new Blob([body]).stream() : body;
      const response = await shop.request('/upload', {
        method: 'POST',
        headers: { authorization: claim.authorization, 'content-type': 'application/octet-stream' },
        body: source as BodyInit,
        ...({ duplex: 'half' } as object),
      });
      expect([response.status, await response.json()]).toEqual([200, { bytes: body.length }]);
    }
    expect(await cost()).toBe(6);
  });

  it('refuses a body that is not the one that was claimed, and one that is too long', async () => {
    const request = { method: 'POST', target: '/order', body: new TextEncoder().encode('{"item":"bread"}') };
    const claim = await claimFor(request);
    const other = await send(claim, { ...request, body: new TextEncoder().encode('{"item":"cakes"}') });
    expect(other.status).toBe(402);
    await other.arrayBuffer();
    const huge = new Uint8Array((1 << 20) + 1);
    const long = await send(await claimFor({ ...request, body: huge }), { ...request, body: huge });
    expect(long.status).toBe(413);
    await long.arrayBuffer();
    expect(await cost()).toBe(0);
  });

  it('says plainly that something has read the body before the gate', async () => {
    const request = {
      method: 'POST',
      target: '/too-late',
      body: new TextEncoder().encode('{"item":"bread"}'),
    };
    const response = await send({ authorization: 'Payment x' } as HandClaim, request, {
      'content-type': 'application/json',
    });
    expect([response.status, await response.text()]).toEqual([500, 'sorry']);
    expect(shop.errors).toMatchObject([
      { code: 'invalid-argument', hint: expect.stringContaining('Put the payment before') as string },
    ]);
  });

  it('seals a body that the client wants sealed, and does not compress it', async () => {
    for (const target of ['/stream', '/json']) {
      const request = { target, seal: 'aes128gcm' as const };
      const claim = await claimFor(request);
      const response = await send(claim, request, { 'accept-encoding': 'gzip, deflate, br' });
      expect(response.headers.get('content-encoding')).toBe('aes128gcm');
      expect(receiptOf(response, claim).units).toBe(3);
      const opened: Uint8Array[] = [];
      const source = response.body as unknown as AsyncIterable<Uint8Array>;
      for await (const part of openSealedBody(deriveSealKey(claim.key), source)) opened.push(part);
      expect(Buffer.concat(opened).toString()).toBe(target === '/json' ? '{"answer":"json"}' : long);
    }
  });

  it('answers 409 while the handler runs, and charges a client that hung up what the handler did', async () => {
    for (const target of ['/slow', '/slow?fails']) {
      const claim = await claimFor({ target });
      const hangUp = new AbortController();
      const running = shop.slowRuns();
      const first = shop.request(target, {
        headers: { authorization: claim.authorization },
        signal: hangUp.signal,
      });
      const finish = await running;
      const during = await send(claim, { target });
      expect([during.status, verdictOf(during, claim)]).toEqual([409, 'in-progress']);
      await during.arrayBuffer();
      hangUp.abort();
      finish();
      await first.catch(() => {});
      // The same again, until the handler has answered nobody.
      let again: Response;
      do {
        const rerun = shop.slowRuns();
        void rerun.then((done) => done());
        again = await send(claim, { target });
        await again.arrayBuffer();
      } while (again.status === 409 && again.headers.get('retry-after') !== null);
      if (target === '/slow')
        expect(receiptOf(again, claim)).toMatchObject({ verdict: 'repeated', units: 3 });
      else expect([again.status, verdictOf(again, claim)]).toEqual([409, 'released']);
    }
    expect(await cost()).toBe(3);
  });

  it('lets pages of other origins ask, pay and read', async () => {
    const preflight = await shop.request('/json', {
      method: 'OPTIONS',
      headers: {
        origin: page,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization');
    const refused = await shop.request('/json', { headers: { origin: page } });
    const claim = await claimFor({ target: '/json' });
    const served = await send(claim, { target: '/json' }, { origin: page });
    const own = await shop.request('/.well-known/impuls', { headers: { origin: page } });
    for (const response of [refused, served, own]) {
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      expect(response.headers.get('access-control-expose-headers')).toContain('Payment-Receipt');
      await response.text();
    }
  });

  it('has the pages of the vendor, and nothing else at other paths', async () => {
    for (const path of ['/.well-known/impuls', '/openapi.json', '/llms.txt']) {
      const response = await shop.request(path);
      expect([path, response.status]).toEqual([path, 200]);
      await response.text();
    }
    expect((await shop.request('/elsewhere')).status, name).toBe(404);
  });
});
