import { decodePaymentRequiredHeader } from '@x402/core/http';
import { FacilitatorTimeoutError, x402ResourceServer, type FacilitatorClient } from '@x402/core/server';
import type { SchemeNetworkClient, SchemeNetworkServer, SettleResponse } from '@x402/core/types';
import { wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { Credential, Errors, Method, z } from 'mppx';
import { Mppx as ClientMppx } from 'mppx/client';
import { Mppx } from 'mppx/server';
import { describe, expect, it } from 'vitest';
import { offerMppx } from '../../src/adapters/mppx/index.js';
import { offerX402 } from '../../src/adapters/x402/index.js';
import { parseChallenges } from '../../src/core/wire/index.js';
import { createPaidHandler } from '../../src/server/index.js';
import { origin } from '../client-fixture.js';
import { createLiveWorld, loseAnswers, mount } from './live-world.js';

/** One route that takes cards, a method of mppx and a scheme of x402, and the unmodified clients of each. */

/** A scheme of x402 whose coins are numbers, each good once. */
function createCoins() {
  const spent = new Set<unknown>();
  let outage: 'timeout' | 'pending' | undefined;
  const network = 'coins:1';
  const facilitator: FacilitatorClient = {
    async verify(payload) {
      const isFresh = !spent.has(payload.payload['coin']);
      return isFresh ? { isValid: true } : { isValid: false, invalidReason: 'coin_spent' };
    },
    async settle(payload): Promise<SettleResponse> {
      const { coin } = payload.payload;
      if (outage === 'pending') {
        spent.add(coin);
        return {
          success: false,
          errorReason: 'settlement_pending',
          transaction: `tx${String(coin)}`,
          network,
        };
      }
      if (spent.has(coin)) return { success: false, errorReason: 'coin_spent', transaction: '', network };
      spent.add(coin);
      if (outage === 'timeout') throw new FacilitatorTimeoutError('settle', 1);
      return { success: true, transaction: `tx${String(coin)}`, network };
    },
    getSupported: async () => ({
      kinds: [{ x402Version: 2, scheme: 'coins', network }],
      extensions: [],
      signers: {},
    }),
  };
  const scheme: SchemeNetworkServer = {
    scheme: 'coins',
    defaultAssetTransferMethod: 'default',
    paymentFlows: { default: { supported: ['authorization'], default: 'authorization' } },
    parsePrice: async (price) => ({ amount: JSON.stringify(price), asset: 'coin' }),
    enhancePaymentRequirements: async (requirements) => requirements,
  };
  let minted = 0;
  // As the reference client does, it makes a new one for each 402.
  const client: SchemeNetworkClient = {
    scheme: 'coins',
    createPaymentPayload: async (x402Version) => ({ x402Version, payload: { coin: ++minted } }),
  };
  return {
    server: new x402ResourceServer(facilitator).register(network, scheme),
    accepts: [{ scheme: 'coins', network, payTo: 'me', price: 2 }] as const,
    client: new x402Client().register(network, client).setSpendControls(false),
    spent,
    minted: () => minted,
    fail: (how: typeof outage) => void (outage = how),
  };
}

const tokenMethod = Method.from({
  name: 'token',
  intent: 'charge',
  schema: {
    credential: { payload: z.object({ token: z.string() }) },
    request: z.object({ amount: z.string(), currency: z.string() }),
  },
});

function createTokens() {
  let verified = 0;
  const server = Method.toServer(tokenMethod, {
    async verify({ credential }) {
      verified++;
      if (credential.payload.token === 'bad')
        throw new Errors.VerificationFailedError({ reason: 'bad token' });
      if (credential.payload.token === 'broken') throw new Errors.InternalPaymentError();
      return { method: 'token', status: 'success', reference: 't1', timestamp: new Date().toISOString() };
    },
  });
  const mppx = Mppx.create({
    methods: [server],
    secretKey: 'a secret of the server, with more than 32 bytes',
  });
  const clientOf = (token: string) =>
    Method.toClient(tokenMethod, {
      createCredential: async ({ challenge }) =>
        Credential.serialize(Credential.from({ challenge, payload: { token } })),
    });
  return { handler: mppx.charge({ amount: '1', currency: 'USD' }), clientOf, verified: () => verified };
}

async function start(status = 200) {
  const world = await createLiveWorld();
  const coins = createCoins();
  const tokens = createTokens();
  const methods: string[] = [];
  const gate = world.vendor.gate({
    price: 3,
    others: [
      offerMppx({ handler: tokens.handler, origin }),
      offerX402({ vendor: world.vendor, theirs: { server: coins.server, accepts: coins.accepts } }),
    ],
  });
  const handler = createPaidHandler(gate, (_, { method }) => {
    methods.push(method);
    return new Response('read', { status });
  });
  mount(world, { '/a': handler });
  const mppxOf = (token: string) =>
    ClientMppx.create({ methods: [tokens.clientOf(token)], fetch: world.fetch, polyfill: false });
  return { world, coins, tokens, methods, mppxOf, x402: wrapFetchWithPayment(world.fetch, coins.client) };
}

describe('a 402 with all challenges', () => {
  it('has those of cards, of mppx and of x402 side by side', async () => {
    const { world } = await start();
    const response = await world.fetch(`${origin}/a`);
    expect(response.status).toBe(402);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const asked = parseChallenges(response.headers.get('www-authenticate')!);
    expect(asked.map(({ method, intent }) => `${method}/${intent}`)).toEqual([
      'impuls/session',
      'impuls/charge',
      'token/charge',
    ]);
    const { accepts } = decodePaymentRequiredHeader(response.headers.get('payment-required')!);
    expect(accepts.map(({ scheme, amount }) => `${scheme} ${amount}`)).toEqual(['impuls 3', 'coins 2']);
  });

  it('is paid by the client of each', async () => {
    const { world, methods, mppxOf, x402 } = await start();
    const pay = world.paying(await world.richWallet('chain'));
    expect((await pay(`${origin}/a`)).status).toBe(200);
    const token = await mppxOf('good').fetch(`${origin}/a`);
    expect([token.status, token.headers.get('cache-control')]).toEqual([200, 'private']);
    expect(token.headers.get('payment-receipt')).not.toBeNull();
    const coin = await x402(`${origin}/a`);
    expect([coin.status, coin.headers.get('cache-control')]).toEqual([200, 'private']);
    expect(coin.headers.get('payment-response')).not.toBeNull();
    expect(methods).toEqual(['impuls', 'token', 'x402']);
  });

  it('comes again, with all of them, when one of the others refuses', async () => {
    const { world, tokens, mppxOf } = await start();
    const response = await mppxOf('bad').fetch(`${origin}/a`);
    expect(response.status).toBe(402);
    expect(tokens.verified()).toBeGreaterThan(0);
    expect(response.headers.get('payment-required')).not.toBeNull();
    expect(world.errors).toEqual([]);
  });

  it('does not come where mppx cannot say what became of a payment', async () => {
    const { tokens, mppxOf, world } = await start();
    const response = await mppxOf('broken').fetch(`${origin}/a`);
    expect(response.status).toBe(503);
    expect(response.headers.get('www-authenticate')).toBeNull();
    expect(tokens.verified()).toBe(1);
    expect(world.errors).toHaveLength(1);
  });

  it.each(['timeout', 'pending'] as const)(
    'does not come after a %s of a settlement, so that the client of x402 pays once',
    async (outage) => {
      const { coins, x402, methods } = await start();
      coins.fail(outage);
      const response = await x402(`${origin}/a`);
      expect(response.status).toBe(503);
      expect(response.headers.get('payment-required')).toBeNull();
      expect(coins.minted()).toBe(1);
      expect(methods).toEqual([]);
    },
  );

  it('has no receipt of the others on the answer of a handler that fails', async () => {
    const { x402, mppxOf } = await start(500);
    expect((await x402(`${origin}/a`)).headers.get('payment-response')).toBeNull();
    expect((await mppxOf('good').fetch(`${origin}/a`)).headers.get('payment-receipt')).toBeNull();
  });
});

describe('a payment by another scheme', () => {
  it('is served again to the very same request when its answer was lost, and settled once', async () => {
    const { world, coins, x402, methods } = await start();
    let credential: string | null = null;
    const inner = world.network;
    loseAnswers(world, (request) => {
      credential = request.headers.get('payment-signature');
      return credential !== null;
    });
    await expect(x402(`${origin}/a`)).rejects.toThrow('the line broke');
    world.network = inner;
    const headers = { 'PAYMENT-SIGNATURE': credential! };
    expect((await world.fetch(`${origin}/a`, { headers })).status).toBe(200);
    expect((await world.fetch(`${origin}/a?other`, { headers })).status).toBe(402);
    expect((await world.fetch(`${origin}/a`, { method: 'POST', headers })).status).toBe(402);
    expect(methods).toEqual(['x402', 'x402']);
    expect(coins.spent.size).toBe(1);
  });

  it('runs an unsafe method once', async () => {
    const { world, x402, methods } = await start();
    let credential: string | null = null;
    const inner = world.network;
    world.network = (request, deliver) => {
      credential = request.headers.get('payment-signature');
      return inner(request, deliver);
    };
    expect((await x402(`${origin}/a`, { method: 'POST', body: 'one' })).status).toBe(200);
    const again = { method: 'POST', body: 'one', headers: { 'PAYMENT-SIGNATURE': credential! } };
    expect((await world.fetch(`${origin}/a`, again)).status).toBe(409);
    expect(methods).toEqual(['x402']);
  });
});
