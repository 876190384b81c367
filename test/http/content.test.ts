import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import {
  deriveSealKey,
  fromBase64url,
  openSealedBody,
  toBase64url,
  verifyState,
} from '../../src/core/index.js';
import { ImpulsError } from '../../src/core/errors.js';
import { decodeRequest, parseReceipt, parseState, type Challenge } from '../../src/core/wire/index.js';
import type { ContentKey } from '../../src/server/index.js';
import {
  activationOf,
  buyCard,
  challengesOf,
  claimOf,
  type HandCard,
  type HandClaim,
  type Payable,
} from '../support/card.js';
import { contains } from '../support/eavesdropper.js';
import { hosts, type Host } from '../support/hosts.js';

const open: Host[] = [];
afterEach(async () => {
  for (const host of open.splice(0)) await host.close();
});

const newId = (): string => toBase64url(randomBytes(16));

describe.each(hosts)('content keys of a vendor behind $name', ({ start }) => {
  interface Shop extends Host {
    readonly keys: Map<string, ContentKey>;
    readonly paid: string[];
    /** Makes every look-up fail. */
    fails: boolean;
  }

  async function openShop(): Promise<Shop> {
    const keys = new Map<string, ContentKey>();
    const paid: string[] = [];
    const content = {
      find: async (id: string) => {
        if (shop.fails) throw new ImpulsError('storage-failed', 'the disk is gone');
        return keys.get(id);
      },
      onPaid: (call: { target: string }) => void paid.push(call.target),
    };
    const host = await start({}, { content });
    open.push(host);
    const shop: Shop = { ...host, keys, paid, fails: false };
    return shop;
  }

  function sell(shop: Shop, price: number, length = 32): { readonly path: string; readonly key: Uint8Array } {
    const [id, key] = [newId(), new Uint8Array(randomBytes(length))];
    shop.keys.set(id, { key, price });
    return { path: `/impuls/keys/${id}`, key };
  }

  async function activeCard(shop: Shop, protocol: 'chain' | 'stream' = 'chain'): Promise<HandCard> {
    const post = (path: string, body: unknown) =>
      shop.request(path, { method: 'POST', body: JSON.stringify(body) });
    const [code] = await shop.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    const hand = await buyCard(post, shop.vendor.document, code!, { protocol }, 100);
    expect((await post('/impuls/activate', await activationOf(hand, shop.vendor.digest))).status).toBe(200);
    return hand;
  }

  async function offerOf(shop: Shop, path: string): Promise<Challenge> {
    const response = await shop.request(path);
    expect(response.status).toBe(402);
    return challengesOf(response)[0]!;
  }

  const sealed = (path: string): Payable => ({ target: path, seal: 'aes128gcm' });
  const buy = (shop: Shop, path: string, claim: HandClaim, method = 'GET'): Promise<Response> =>
    shop.request(path, { method, headers: { authorization: claim.authorization } });

  async function openBody(claim: HandClaim, response: Response): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of openSealedBody(deriveSealKey(claim.key), response.body!)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  const stateOf = (response: Response, hand: HandCard, claim: HandClaim) => {
    const state = parseState(response.headers.get('impuls-state')!);
    expect(verifyState(hand.card.keys.state, state, fromBase64url(hand.card.id), claim.tag)).toBe(true);
    return state;
  };

  const spent = async (shop: Shop): Promise<number> => (await shop.ledger.totals()).spent;

  it('are sold at their own prices, sealed, and a repeat of the claim costs nothing', async () => {
    const shop = await openShop();
    const goods = [sell(shop, 3), sell(shop, 7, 16)];
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await activeCard(shop, protocol);
      const before = await spent(shop);
      let end = 0;
      for (const [i, { path, key }] of goods.entries()) {
        const challenge = await offerOf(shop, path);
        const { amount, methodDetails } = decodeRequest(challenge.request);
        expect({ amount, seal: methodDetails.seal }).toEqual({ amount: ['3', '7'][i], seal: 'aes128gcm' });
        end = protocol === 'chain' ? end + Number(amount) : end + 1;
        const claim = claimOf(hand, challenge, sealed(path), { end, units: Number(amount) });
        for (const verdict of ['accepted', 'repeated']) {
          const response = await buy(shop, path, claim);
          expect(response.status).toBe(200);
          expect(response.headers.get('content-type')).toBe('application/octet-stream');
          expect(response.headers.get('content-encoding')).toBe('aes128gcm');
          expect(response.headers.get('cache-control')).toBe('private');
          const receipt = parseReceipt(response.headers.get('payment-receipt')!);
          expect(receipt).toMatchObject({ verdict, units: Number(amount) });
          const bytes = new Uint8Array(await response.clone().arrayBuffer());
          expect(contains(Buffer.from(bytes), key)).toBe(false);
          expect(new Uint8Array(await openBody(claim, response))).toEqual(key);
        }
      }
      expect((await spent(shop)) - before).toBe(10);
    }
    expect(shop.paid).toHaveLength(8);
  });

  it('are refused to a claim that asks for no seal, which is told so and not charged', async () => {
    const shop = await openShop();
    const { path } = sell(shop, 3);
    const hand = await activeCard(shop);
    const open = claimOf(hand, await offerOf(shop, path), { target: path }, { end: 3, units: 3 });
    const response = await buy(shop, path, open);
    expect(response.status).toBe(402);
    expect(stateOf(response, hand, open)).toMatchObject({ verdict: 'mismatched', spent: 0 });
    expect(await response.json()).toMatchObject({
      type: 'https://paymentauth.org/problems/invalid-payload',
    });
    const again = claimOf(hand, challengesOf(response)[0]!, sealed(path), { end: 3, units: 3 });
    expect((await buy(shop, path, again)).status).toBe(200);
    expect(await spent(shop)).toBe(3);
  });

  it('cost nothing where there is none, and a claim for one is returned', async () => {
    const shop = await openShop();
    const hand = await activeCard(shop);
    const { path } = sell(shop, 3);
    const challenge = await offerOf(shop, path);
    let end = 0;
    for (const target of [
      `/impuls/keys/${newId()}`,
      '/impuls/keys/',
      `${path}?x=1`,
      `${path}/`,
      `${path.slice(0, -1)}B`,
      '/impuls/keys/..%2fkeys.json',
    ]) {
      expect((await shop.request(target)).status).toBe(404);
      const claim = claimOf(hand, challenge, sealed(target), { end: (end += 3), units: 3 });
      for (const round of ['first', 'again']) {
        const response = await buy(shop, target, claim);
        expect({ target, round, status: response.status }).toEqual({
          target,
          round,
          status: round === 'first' ? 404 : 409,
        });
        expect(stateOf(response, hand, claim)).toMatchObject({ verdict: 'released', spent: 0 });
      }
    }
    expect((await shop.request('/impuls/keys')).status).toBe(404);
    expect(shop.paid).toEqual([]);
  });

  it('come by GET only: a claim by another method is returned', async () => {
    const shop = await openShop();
    const hand = await activeCard(shop);
    const { path } = sell(shop, 3);
    const challenge = await offerOf(shop, path);
    expect((await shop.request(path, { method: 'HEAD' })).status).toBe(402);
    expect((await shop.request(path, { method: 'POST' })).status).toBe(405);
    for (const [i, method] of ['HEAD', 'POST', 'DELETE'].entries()) {
      const claim = claimOf(hand, challenge, { ...sealed(path), method }, { end: 3 * (i + 1), units: 3 });
      const response = await buy(shop, path, claim, method);
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('GET');
      expect(stateOf(response, hand, claim)).toMatchObject({ verdict: 'released', spent: 0 });
    }
  });

  it('that cannot be looked up are asked for again: nothing is claimed', async () => {
    const shop = await openShop();
    const hand = await activeCard(shop);
    const { path, key } = sell(shop, 3);
    const claim = claimOf(hand, await offerOf(shop, path), sealed(path), { end: 3, units: 3 });
    shop.fails = true;
    const response = await buy(shop, path, claim);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await spent(shop)).toBe(0);
    shop.fails = false;
    expect(new Uint8Array(await openBody(claim, await buy(shop, path, claim)))).toEqual(key);
  });

  it('are listed once, whatever they cost', async () => {
    const shop = await openShop();
    for (let price = 1; price < 5; price++) await offerOf(shop, sell(shop, price).path);
    const api = (await (await shop.request('/openapi.json')).json()) as { paths: Record<string, unknown> };
    expect(Object.keys(api.paths)).toEqual(['/impuls/keys/{id}']);
    expect(await (await shop.request('/llms.txt')).text()).toContain(
      '- GET /impuls/keys/{id}: a price in units that the 402 tells. The key of sealed content',
    );
  });

  it('can be bought by pages of any origin', async () => {
    const shop = await openShop();
    const hand = await activeCard(shop);
    const { path } = sell(shop, 3);
    const origin = 'https://reader.example';
    const preflight = await shop.request(path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET' },
    });
    expect(preflight.status).toBe(204);
    const claim = claimOf(hand, await offerOf(shop, path), sealed(path), { end: 3, units: 3 });
    const bought = await shop.request(path, { headers: { origin, authorization: claim.authorization } });
    expect(bought.status).toBe(200);
    const missing = await shop.request(`/impuls/keys/${newId()}`, { headers: { origin } });
    for (const response of [preflight, bought, missing]) {
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
    }
  });
});
