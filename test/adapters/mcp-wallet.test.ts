import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { describe, expect, it } from 'vitest';
import { createWalletServer, type Caps } from '../../src/adapters/mcp/index.js';
import { createMemoryStorage } from '../../src/client/index.js';
import { createWorld, direct, origin, type Paid, type World } from '../client-fixture.js';

interface Told {
  readonly [name: string]: unknown;
  readonly next?: string;
}

interface Agent {
  call(name: string, args?: Record<string, unknown>): Promise<Told>;
  /** Every answer so far, as text. */
  readonly heard: string[];
  /** What the process leaves behind: the wallet and the count. */
  readonly disk: Disk;
}

interface Disk {
  readonly records: Map<string, string>;
  count: string | undefined;
  /** Whether the wallet is open. */
  open: boolean;
}

const roomy: Caps = { perCall: 10, perDay: 50 };

async function employ(world: World, caps: Caps = roomy, disk?: Disk): Promise<Agent> {
  const kept: Disk = disk ?? { records: new Map(), count: undefined, open: false };
  if (!disk) await (await world.richWallet('chain', createMemoryStorage(kept.records))).close();
  const server = createWalletServer({
    open: async () => {
      expect(kept.open).toBe(false);
      kept.open = true;
      const storage = createMemoryStorage(kept.records);
      return world.open({
        storage: {
          ...storage,
          async close() {
            kept.open = false;
            await storage.close();
          },
        },
      });
    },
    caps,
    budget: {
      read: async () => kept.count,
      write: async (text) => void (kept.count = text),
    },
    fetch: world.fetch,
    clock: () => world.time.ms,
    retry: { attempts: 2, baseDelayMs: 0 },
    maxAnswerBytes: 1000,
  });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(far);
  const client = new Client({ name: 'agent', version: '1' });
  await client.connect(near);
  const heard: string[] = [];
  return {
    disk: kept,
    heard,
    async call(name, args = {}) {
      const { content } = await client.callTool({ name, arguments: args });
      const [{ text }] = content as [{ text: string }];
      heard.push(text);
      return JSON.parse(text) as Told;
    },
  };
}

const routes: Readonly<Record<string, Paid>> = {
  '/a': {
    price: 3,
    listing: { method: 'GET', path: '/a', summary: 'An article' },
    handler: async () => new Response('an article', { headers: { 'Content-Type': 'text/plain' } }),
  },
  '/long': {
    price: 1,
    handler: async () => new Response('x'.repeat(5000), { headers: { 'Content-Type': 'text/plain' } }),
  },
  '/ask': {
    price: () => 2,
    listing: { method: 'POST', path: '/ask' },
    handler: async (request) => Response.json({ you: await request.text() }),
  },
  '/image': {
    price: 1,
    handler: async () => new Response(new Uint8Array(64), { headers: { 'Content-Type': 'image/png' } }),
  },
};

describe('an agent with a wallet', () => {
  it('looks before it pays, pays, and sees what is left', async () => {
    const world = await createWorld(routes);
    const agent = await employ(world);
    expect(await agent.call('balance')).toMatchObject({
      cards: [{ vendor: origin, units: 100, held: 0, status: 'ready' }],
      caps: { per_call: 10, per_day: 50, per_vendor_and_day: 50 },
      left_today: 50,
    });
    expect(await agent.call('discover', { vendor: origin })).toMatchObject({
      paid: [
        { method: 'GET', path: '/a', units: 3, summary: 'An article' },
        { method: 'POST', path: '/ask', units: null },
      ],
    });
    expect(await agent.call('look', { url: `${origin}/a` })).toMatchObject({
      status: 402,
      units: 3,
      worth: '0.003 USD',
      payable: true,
    });
    expect((await world.vendor.totals()).spent).toBe(0);
    expect(await agent.call('fetch', { url: `${origin}/a`, max_units: 3 })).toMatchObject({
      status: 200,
      body: 'an article',
      paid: { units: 3, worth: '0.003 USD' },
      left_today: 47,
    });
    const asked = { url: `${origin}/ask`, max_units: 9, method: 'POST', body: 'why?' };
    expect(await agent.call('fetch', asked)).toMatchObject({
      body: '{"you":"why?"}',
      paid: { units: 2 },
      left_today: 45,
    });
    expect(await agent.call('history', { count: 1 })).toMatchObject({
      payments: [{ method: 'POST', units: 2 }],
    });
    expect(await agent.call('recover')).toEqual({ claims: [] });
    expect(agent.disk.open).toBe(false);
  });

  it('hears no secret, and not more than was agreed', async () => {
    const world = await createWorld(routes);
    const agent = await employ(world);
    expect(await agent.call('fetch', { url: `${origin}/long`, max_units: 1 })).toMatchObject({
      cut: 'after 1000 bytes',
    });
    const image = await agent.call('fetch', { url: `${origin}/image`, max_units: 1 });
    expect(image).toMatchObject({ type: 'image/png', bytes: 64 });
    expect(image).not.toHaveProperty('body');
    await agent.call('balance');
    await agent.call('history');
    const wallet = await world.open({ storage: createMemoryStorage(agent.disk.records) });
    const { id } = wallet.cards()[0]!;
    const backup = await wallet.backup();
    for (const text of agent.heard) {
      expect(text).not.toContain(id);
      expect(text.length).toBeLessThan(2000);
      for (const line of backup.split('\n').filter((line) => line.length > 20))
        expect(text).not.toContain(line);
    }
  });

  it('is refused what is beyond a cap, with the next move, and nothing is sent', async () => {
    const world = await createWorld(routes);
    const agent = await employ(world, { perCall: 4, perDay: 7, perVendor: 6 });
    const paid = (max_units: number) => agent.call('fetch', { url: `${origin}/a`, max_units });
    expect(await paid(5)).toMatchObject({
      refused: 'limit-exceeded',
      why: 'one call may cost 4 units at most, not 5',
    });
    expect(await paid(2)).toMatchObject({ refused: 'limit-exceeded', charged: '0 units' });
    expect((await paid(2)).next).toContain('`look`');
    await paid(3);
    world.arrived.length = 0;
    expect(await paid(4)).toMatchObject({
      refused: 'limit-exceeded',
      why: '4 are more units than are left today: 3 of 6 a day for one vendor',
    });
    expect(world.arrived).toEqual([]);
    await paid(3);
    expect((await world.vendor.totals()).spent).toBe(6);
    expect(await agent.call('look', { url: `${origin}/a` })).toMatchObject({ payable: false });
  });

  it('reaches no address but those of its vendors', async () => {
    const world = await createWorld(routes);
    const agent = await employ(world);
    world.arrived.length = 0;
    for (const url of [
      'http://169.254.169.254/latest',
      'file:///etc/passwd',
      'not a url',
      'https://news.example.evil.example/a',
    ]) {
      expect(await agent.call('fetch', { url, max_units: 1 })).toMatchObject({ refused: 'invalid-argument' });
      expect(await agent.call('look', { url })).toMatchObject({ refused: 'invalid-argument' });
      expect((await agent.call('discover', { vendor: url })).next).toContain(origin);
    }
    expect(world.arrived).toEqual([]);
  });

  it('keeps the count of the day over restarts, and a clock that goes back begins no new one', async () => {
    const world = await createWorld(routes);
    const caps = { perCall: 5, perDay: 6 };
    const pay = async (agent: Agent) => agent.call('fetch', { url: `${origin}/a`, max_units: 3 });
    const first = await employ(world, caps);
    await pay(first);
    const second = await employ(world, caps, first.disk);
    expect(await pay(second)).toMatchObject({ paid: { units: 3 }, left_today: 0 });
    expect(await pay(second)).toMatchObject({ refused: 'limit-exceeded' });
    world.time.ms -= 86_400_000;
    expect(await pay(await employ(world, caps, first.disk))).toMatchObject({ refused: 'limit-exceeded' });
    world.time.ms += 2 * 86_400_000;
    expect(await pay(await employ(world, caps, first.disk))).toMatchObject({ paid: { units: 3 } });
  });

  it('counts what is not known to be free, and learns what became of it', async () => {
    const world = await createWorld(routes);
    const agent = await employ(world, { perCall: 5, perDay: 10 });
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (new URL(request.url).pathname === '/a' && request.headers.has('Authorization'))
        throw new TypeError('lost');
      return response;
    };
    const lost = await agent.call('fetch', { url: `${origin}/a`, max_units: 5 });
    expect(lost).toMatchObject({ refused: 'unsettled', charged: 'at most 5 units' });
    expect(lost.next).toContain('recover');
    expect(await agent.call('balance')).toMatchObject({ left_today: 5 });
    world.network = direct;
    expect(await agent.call('recover')).toMatchObject({ claims: [{ result: 'settled', charged: 3 }] });
  });

  it('shares the caps among calls in flight: what each may cost counts from the beginning', async () => {
    const world = await createWorld(routes);
    const agent = await employ(world, { perCall: 5, perDay: 12 });
    const calls = Array.from({ length: 6 }, () => agent.call('fetch', { url: `${origin}/a`, max_units: 3 }));
    const answers = await Promise.all(calls);
    expect(answers.filter((one) => one['refused'] === undefined)).toHaveLength(4);
    expect((await world.vendor.totals()).spent).toBe(12);
    expect(await agent.call('balance')).toMatchObject({ left_today: 0 });
  });

  it('is told whom to ask when the card is empty', async () => {
    const world = await createWorld({ '/dear': { price: 101, handler: async () => new Response('x') } });
    const agent = await employ(world, { perCall: 200, perDay: 500 });
    const refused = await agent.call('fetch', { url: `${origin}/dear`, max_units: 200 });
    expect(refused).toMatchObject({ refused: 'no-card', charged: '0 units' });
    expect(refused.next).toContain('impuls redeem');
    expect(await agent.call('balance')).toMatchObject({ left_today: 500 });
  });
});
