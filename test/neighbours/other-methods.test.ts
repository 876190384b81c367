import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../src/core/wire/index.js';
import { createOtherPayment, type OtherMethod } from '../../src/server/index.js';
import { createWorld, origin } from '../client-fixture.js';

/** A method that takes "Coins gold", refuses "Coins lead", and cannot say what became of "Coins lost". */
const coins: OtherMethod = {
  carries: (call) => call.header('authorization')?.startsWith('Coins ') ?? false,
  async admit(call) {
    const coin = call.header('authorization')!.slice(6);
    if (coin === 'lost') throw new Error('the mint does not answer');
    if (coin === 'lead') return { status: 'refused', reply: { status: 402, headers: [], body: 'lead' } };
    const receipt = [['Coins-Receipt', coin]] as const;
    return {
      status: 'paid',
      payment: createOtherPayment({ method: 'coins', reference: 'r1', receipt: () => receipt }),
      body: await call.body(100),
    };
  },
  challenge: async (_, ours) => [['Coins-Wanted', `${ours.length} headers before`]],
  requestHeaders: ['Coins-Purse'],
  responseHeaders: ['Coins-Receipt'],
};

const broken: OtherMethod = {
  carries: () => false,
  admit: () => Promise.reject(new Error('never')),
  challenge: () => Promise.reject(new Error('closed')),
};

async function start(others: readonly OtherMethod[], status = 200) {
  const methods: string[] = [];
  const world = await createWorld({
    '/a': {
      price: 2,
      others,
      handler: (_, payment) => {
        methods.push(`${payment.method} ${payment.units}`);
        return new Response('a', { status });
      },
    },
  });
  const get = (headers: Record<string, string> = {}, method = 'GET') =>
    world.fetch(`${origin}/a`, { method, headers });
  return { world, methods, get };
}

describe('a route with another method', () => {
  it('asks for both on one 402', async () => {
    const { get } = await start([coins]);
    const response = await get();
    expect(response.status).toBe(402);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    expect(parseChallenges(response.headers.get('WWW-Authenticate')!)).toHaveLength(2);
    expect(response.headers.get('Coins-Wanted')).not.toBeNull();
  });

  it('is paid by either, and the handler sees by which', async () => {
    const { world, methods, get } = await start([coins]);
    const pay = world.paying(await world.richWallet('chain'));
    expect((await pay(`${origin}/a`)).status).toBe(200);
    const other = await get({ authorization: 'Coins gold' });
    expect(other.status).toBe(200);
    expect(other.headers.get('Coins-Receipt')).toBe('gold');
    expect(other.headers.get('Cache-Control')).toBe('private');
    expect(other.headers.get('Payment-Receipt')).toBeNull();
    expect(methods).toEqual(['impuls 2', 'coins 0']);
    expect((await world.vendor.totals()).spent).toBe(2);
  });

  it('puts all challenges on a refusal by the other method', async () => {
    const { get } = await start([coins]);
    const response = await get({ authorization: 'Coins lead' });
    expect(response.status).toBe(402);
    expect(parseChallenges(response.headers.get('WWW-Authenticate')!)).toHaveLength(2);
    expect(response.headers.get('Coins-Wanted')).not.toBeNull();
  });

  it('answers an open outcome 503, and asks for nothing', async () => {
    const { world, get } = await start([coins]);
    const response = await get({ authorization: 'Coins lost' });
    expect(response.status).toBe(503);
    expect(response.headers.get('Retry-After')).toBe('1');
    expect(response.headers.get('WWW-Authenticate')).toBeNull();
    expect(response.headers.get('Coins-Wanted')).toBeNull();
    expect(world.errors).toHaveLength(1);
  });

  it('gives no receipt for a handler that fails', async () => {
    const { get } = await start([coins], 500);
    const response = await get({ authorization: 'Coins gold' });
    expect(response.headers.get('Coins-Receipt')).toBeNull();
  });

  it('leaves out a method that cannot ask now, and offers the others', async () => {
    const { world, get } = await start([broken, coins]);
    const response = await get();
    expect(parseChallenges(response.headers.get('WWW-Authenticate')!)).toHaveLength(2);
    expect(response.headers.get('Coins-Wanted')).not.toBeNull();
    expect(world.errors).toHaveLength(1);
  });

  it('lets pages of other origins send and read the headers of both', async () => {
    const { get } = await start([coins]);
    const preflight = await get(
      { origin: 'https://page.example', 'access-control-request-method': 'GET' },
      'OPTIONS',
    );
    expect(preflight.headers.get('Access-Control-Allow-Headers')).toContain('Coins-Purse');
    const asked = await get({ origin: 'https://page.example' });
    expect(asked.headers.get('Access-Control-Expose-Headers')).toMatch(/^WWW-Authenticate.*, Coins-Receipt$/);
  });
});
