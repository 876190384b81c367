import { describe, expect, it } from 'vitest';
import { createMemoryStorage, paymentOf, type KeyedPayment } from '../src/client/index.js';
import { createWorld, denomination, direct, origin, type Paid } from './client-fixture.js';

const text =
  (body: string): Paid['handler'] =>
  async () =>
    new Response(body);

describe.each(['chain', 'stream'] as const)('a paying fetch with a %s card', (protocol) => {
  it('pays what is asked, once, and gets what it paid for', async () => {
    const world = await createWorld({ '/a': { price: 3, handler: text('hello') } });
    const wallet = await world.richWallet(protocol);
    const seen: KeyedPayment[] = [];
    const pay = world.paying(wallet, { onPayment: (payment) => seen.push(payment) });
    const response = await pay(`${origin}/a`);
    expect(await response.text()).toBe('hello');
    expect(paymentOf(response)).toBe(seen[0]);
    expect(seen[0]).toMatchObject({ units: 3, verdict: 'accepted', remaining: 97, worth: '0.003 USD' });
    expect(seen[0]!.key.length).toBe(32);
    expect((await world.vendor.totals()).spent).toBe(3);
    expect(wallet.cards()).toMatchObject([{ left: 97, reserved: 0, status: 'active', units: denomination }]);
    expect(wallet.history()).toHaveLength(1);
    expect(wallet.history()[0]).not.toHaveProperty('key');
  });

  it('pays up front once it knows the price: one request a payment', async () => {
    const world = await createWorld({ '/a': { price: 1, handler: text('x') } });
    const pay = world.paying(await world.richWallet(protocol));
    await pay(`${origin}/a`);
    world.arrived.length = 0;
    await pay(`${origin}/a?page=2`);
    expect(world.arrived).toEqual(['GET /a']);
  });

  it('sends what it pays for by a carrier, and what else concerns a card over the network', async () => {
    const world = await createWorld({ '/a': { price: 1, handler: text('x') } });
    const network: string[] = [];
    const wallet = await world.open({
      fetch: (input, init) => {
        network.push(new URL(new Request(input).url).pathname);
        return world.fetch(input, init);
      },
    });
    await wallet.redeem(origin, await world.voucher(), { protocol });
    network.length = 0;
    const carried: string[] = [];
    const pay = world.paying(wallet, {
      carrier: async (input, init) => {
        const isPaid = new Headers(init?.headers).has('Authorization');
        carried.push(isPaid ? 'paid' : 'asked');
        const response = await world.fetch(input, init);
        if (carried.length === 2) throw new TypeError('the line was cut');
        return response;
      },
    });
    expect((await pay(`${origin}/a`)).status).toBe(200);
    expect((await pay(`${origin}/a`)).status).toBe(200);
    expect(carried).toEqual(['asked', 'paid', 'paid', 'paid']);
    expect((await world.vendor.totals()).spent).toBe(2);
    expect(network).not.toContain('/a');
  });

  it('opens sealed bodies as they come', async () => {
    const world = await createWorld({ '/a': { price: 1, handler: text('secret'.repeat(50_000)) } });
    const pay = world.paying(await world.richWallet(protocol), { seal: 'prefer' });
    let encoding: string | null = null;
    world.network = async (_, deliver) => {
      const response = await deliver();
      if (response.ok) encoding = response.headers.get('Content-Encoding');
      return response;
    };
    const response = await pay(`${origin}/a`);
    expect(await response.text()).toBe('secret'.repeat(50_000));
    expect(encoding).toBe('aes128gcm');
    expect(response.headers.get('Content-Encoding')).toBeNull();
    expect(response.url).toBe('');
  });

  it('hands the error of a handler on, uncharged', async () => {
    const world = await createWorld({
      '/a': { price: 3, handler: async () => new Response('no', { status: 404 }) },
    });
    const wallet = await world.richWallet(protocol);
    const response = await world.paying(wallet)(`${origin}/a`);
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('no');
    expect(paymentOf(response)).toBeUndefined();
    expect(wallet.cards()).toMatchObject([{ left: 100, reserved: 0 }]);
  });

  it('runs again what is safe when the error that it was answered with is lost, four times at most, uncharged', async () => {
    let runs = 0;
    const handler = async () => new Response(`${++runs}`, { status: 500 });
    const world = await createWorld({ '/a': { price: 3, handler } });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet);
    const lost = new Set<string>();
    world.network = async (request, deliver) => {
      const response = await deliver();
      const claim = request.headers.get('Authorization');
      if (claim === null || lost.has(claim)) return response;
      lost.add(claim);
      throw new TypeError('connection reset');
    };
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'payment-refused' });
    expect(runs).toBe(4);
    await expect(pay(`${origin}/a`, { method: 'POST', body: 'x' })).rejects.toMatchObject({
      code: 'payment-refused',
    });
    expect(runs).toBe(5);
    expect(wallet.cards()).toMatchObject([{ left: 100, reserved: 0 }]);
    expect(wallet.history()).toEqual([]);
    expect((await world.vendor.totals()).spent).toBe(0);
  });

  it('settles a redirect and hands it on', async () => {
    const world = await createWorld({
      '/a': {
        price: 3,
        handler: async () => new Response(null, { status: 303, headers: { Location: '/b' } }),
      },
    });
    const wallet = await world.richWallet(protocol);
    const response = await world.paying(wallet)(`${origin}/a`);
    expect(response.status).toBe(303);
    expect(paymentOf(response)).toMatchObject({ units: 3 });
    expect(wallet.cards()).toMatchObject([{ left: 97, reserved: 0 }]);
  });

  it('gets back what a capture leaves, and spends a card to its last unit', async () => {
    const world = await createWorld({
      '/a': {
        price: 10,
        charge: 'capture',
        handler: async (_, payment) => {
          await payment.capture(4);
          return new Response('x');
        },
      },
      '/b': { price: 1, handler: text('y') },
    });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet);
    for (let i = 0; i < 23; i++) expect(paymentOf(await pay(`${origin}/a`))).toMatchObject({ units: 4 });
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'no-card' });
    for (let i = 0; i < 8; i++) await pay(`${origin}/b`);
    expect(wallet.cards()).toMatchObject([{ left: 0, status: 'empty' }]);
    expect((await world.vendor.totals()).spent).toBe(100);
  });

  it('sends 100 at once and pays each once', async () => {
    const world = await createWorld({ '/a': { price: 1, handler: text('x') } });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet);
    const replies = await Promise.all(Array.from({ length: 100 }, (_, i) => pay(`${origin}/a?${i}`)));
    expect(replies.every(({ status }) => status === 200)).toBe(true);
    const totals = await world.vendor.totals();
    expect(totals).toMatchObject({ spent: 100, claims: { settled: 0, pending: 100, released: 0 } });
    expect(wallet.cards()).toMatchObject([{ left: 0, reserved: 0 }]);
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'no-card' });
  });

  it('sends the body with its digest, and is charged once for a POST whose answer was lost', async () => {
    let runs = 0;
    const world = await createWorld({
      '/a': {
        price: 2,
        handler: async (request) => {
          runs++;
          return new Response(`got ${await request.text()}`, { status: 201 });
        },
      },
    });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet);
    let lost = 0;
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (request.method === 'POST' && response.status === 201 && lost++ < 2) {
        await response.arrayBuffer();
        throw new TypeError('connection reset');
      }
      return response;
    };
    const response = await pay(`${origin}/a`, { method: 'POST', body: 'pizza' });
    expect(await response.text()).toBe('got pizza');
    expect(paymentOf(response)).toMatchObject({ verdict: 'repeated', units: 2 });
    expect(runs).toBe(1);
    expect((await world.vendor.totals()).spent).toBe(2);
  });

  it('refuses before it claims: limits for a request, in all, of vendors', async () => {
    const world = await createWorld({ '/a': { price: 3, handler: text('x') } });
    const wallet = await world.richWallet(protocol);
    const small = world.paying(wallet, { limits: { perRequest: 2, total: 10 } });
    await expect(small(`${origin}/a`)).rejects.toMatchObject({
      code: 'limit-exceeded',
      message: expect.stringContaining('3 units (0.003 USD)') as string,
    });
    const few = world.paying(wallet, { limits: { perRequest: 3, total: 7 } });
    await few(`${origin}/a`);
    const results = await Promise.allSettled([few(`${origin}/a`), few(`${origin}/a`), few(`${origin}/a`)]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const elsewhere = world.paying(wallet, {
      limits: { perRequest: 3, total: 7, vendors: ['https://other.example'] },
    });
    await expect(elsewhere(`${origin}/a`)).rejects.toMatchObject({ code: 'limit-exceeded' });
    expect((await world.vendor.totals()).claims).toEqual({ settled: 0, pending: 2, released: 0 });
  });

  it('pays the new price when it rose, within the limits', async () => {
    let price = 1;
    const world = await createWorld({ '/a': { price: () => price, handler: text('x') } });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet, { limits: { perRequest: 5, total: 100 } });
    await pay(`${origin}/a`);
    price = 4;
    expect(paymentOf(await pay(`${origin}/a`))).toMatchObject({ units: 4 });
    price = 2;
    expect(paymentOf(await pay(`${origin}/a`))).toMatchObject({ units: 2 });
    price = 6;
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'limit-exceeded' });
    expect(wallet.cards()).toMatchObject([{ left: 93, reserved: 0 }]);
    expect((await world.vendor.totals()).spent).toBe(7);
  });

  it('asks anew when the challenge has expired', async () => {
    const world = await createWorld({ '/a': { price: 1, handler: text('x') } });
    const pay = world.paying(await world.richWallet(protocol));
    await pay(`${origin}/a`);
    world.time.ms += 2 * 3_600_000;
    world.arrived.length = 0;
    expect((await pay(`${origin}/a`)).status).toBe(200);
    expect(world.arrived).toEqual(['GET /a', 'GET /a']);
  });

  it('never pays anew where the outcome is not known, and finds out by recovery', async () => {
    const world = await createWorld({ '/a': { price: 3, handler: text('x') } });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet, { retry: { attempts: 5 } });
    let sent = new Set<string | null>();
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (!request.headers.has('Authorization')) return response;
      sent.add(request.headers.get('Authorization'));
      return new Response('bad gateway', { status: 502 });
    };
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'unsettled' });
    expect(sent.size).toBe(1);
    expect(wallet.cards()).toMatchObject([{ left: 97, reserved: 3 }]);
    sent = new Set();
    world.network = direct;
    const report = await wallet.recover();
    expect(report.claims).toMatchObject([{ result: 'settled', units: 3, charged: 3 }]);
    expect(wallet.cards()).toMatchObject([{ left: 97, reserved: 0 }]);
    expect((await world.vendor.totals()).spent).toBe(3);
  });

  it('believes no receipt and no state with a member changed', async () => {
    const routes = {
      '/a': { price: 3, handler: text('x') },
      '/b': { price: 3, handler: async () => new Response('no', { status: 404 }) },
    };
    const world = await createWorld(routes);
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet, { retry: { attempts: 1 } });
    const forge = (header: string, change: (json: Record<string, unknown>) => void): void => {
      world.network = async (request, deliver) => {
        const response = await deliver();
        const value = response.headers.get(header);
        if (value === null || !request.headers.has('Authorization')) return response;
        const json = JSON.parse(Buffer.from(value, 'base64url').toString()) as Record<string, unknown>;
        change(json);
        response.headers.set(header, Buffer.from(JSON.stringify(json)).toString('base64url'));
        return response;
      };
    };
    let reserved = 0;
    for (const [path, header, change] of [
      ['/a', 'Payment-Receipt', (json) => (json['units'] = 1)],
      ['/a', 'Payment-Receipt', (json) => (json['remaining'] = 1)],
      ['/a', 'Payment-Receipt', (json) => (json['verdict'] = 'repeated')],
      ['/a', 'Payment-Receipt', (json) => (json['timestamp'] = '2026-11-22T12:00:01Z')],
      ['/a', 'Payment-Receipt', (json) => (json['reference'] = 'AAAAAAAAAAAAAAAA')],
      ['/b', 'Impuls-State', (json) => (json['spent'] = 99)],
      ['/b', 'Impuls-State', (json) => (json['verdict'] = 'accepted')],
      ['/b', 'Impuls-State', (json) => (json['expires'] = 1)],
    ] as [string, string, (json: Record<string, unknown>) => unknown][]) {
      forge(header, change);
      await expect(pay(origin + path)).rejects.toMatchObject({ code: 'unsettled' });
      reserved += 3;
      expect(wallet.cards()).toMatchObject([{ reserved, left: 100 - reserved }]);
    }
    world.network = direct;
    await wallet.recover();
    expect(wallet.cards()).toMatchObject([{ left: 85, reserved: 0 }]);
    expect((await world.vendor.totals()).spent).toBe(15);
  });

  it('does not take over a state that was told before a payment went through', async () => {
    const world = await createWorld({ '/a': { price: 2, handler: text('x') } });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet);
    await pay(`${origin}/a`);
    const [card] = wallet.cards();
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (request.url.endsWith('/impuls/state')) {
        world.network = direct;
        await pay(`${origin}/a`);
      }
      return response;
    };
    await wallet.refresh(card!.id);
    expect(wallet.cards()).toMatchObject([{ left: 96, reserved: 0 }]);
    await pay(`${origin}/a`);
    expect(wallet.cards()).toMatchObject([{ left: 94, reserved: 0 }]);
  });

  it('believes no answer without proof: not a 402, not a 200, not a forged receipt', async () => {
    const world = await createWorld({ '/a': { price: 3, handler: text('x') } });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet);
    const fakes = [
      new Response('pay again', { status: 402 }),
      new Response('free', { status: 200 }),
      new Response('x', { status: 200, headers: { 'Payment-Receipt': 'e30' } }),
    ];
    const claims = new Set<string>();
    world.network = async (request, deliver) => {
      const authorization = request.headers.get('Authorization');
      if (authorization === null) return deliver();
      claims.add(authorization);
      return fakes.shift() ?? deliver();
    };
    expect(await (await pay(`${origin}/a`)).text()).toBe('x');
    expect(claims.size).toBe(1);
    expect((await world.vendor.totals()).spent).toBe(3);
  });

  it('waits for a claim that is in progress', async () => {
    let finish: () => void = () => {};
    const world = await createWorld({
      '/a': {
        price: 1,
        handler: async () => {
          await new Promise<void>((resolve) => (finish = resolve));
          return new Response('late');
        },
      },
    });
    const wallet = await world.richWallet(protocol);
    let first = true;
    world.network = async (request, deliver) => {
      if (!request.headers.has('Authorization') || !first) {
        const response = await deliver();
        if (response.status === 409) finish();
        return response;
      }
      first = false;
      void deliver();
      throw new TypeError('connection reset');
    };
    expect(await readWhile(world.paying(wallet)(`${origin}/a`), () => finish())).toBe('late');
    expect((await world.vendor.totals()).spent).toBe(1);
  });

  it('leaves the claim in the journal when it is aborted, and frees it when it was not sent', async () => {
    const world = await createWorld({ '/a': { price: 2, handler: text('x') } });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet);
    const controller = new AbortController();
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (!request.headers.has('Authorization')) return response;
      controller.abort();
      throw controller.signal.reason;
    };
    await expect(pay(`${origin}/a`, { signal: controller.signal })).rejects.toThrow('aborted');
    expect(wallet.cards()).toMatchObject([{ left: 98, reserved: 2 }]);
    world.network = direct;
    await wallet.recover();
    expect(wallet.cards()).toMatchObject([{ left: 98, reserved: 0 }]);
    await expect(pay(`${origin}/a`, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    expect(wallet.cards()).toMatchObject([{ left: 98, reserved: 0 }]);

    const late = new AbortController();
    const inner = createMemoryStorage();
    const other = await world.richWallet(protocol, {
      ...inner,
      write: async (changes) => {
        if (changes.some(([key]) => key.startsWith('claim:'))) late.abort();
        await inner.write(changes);
      },
    });
    await expect(world.paying(other)(`${origin}/a`, { signal: late.signal })).rejects.toThrow('aborted');
    expect(other.cards()).toMatchObject([{ left: 100, reserved: 0 }]);
    expect([...(await inner.load()).keys()].some((key) => key.startsWith('claim:'))).toBe(false);
  });

  it('asks the vendor what is left when another wallet spends from the same card', async () => {
    const world = await createWorld({ '/a': { price: 7, handler: text('x') } });
    const wallet = await world.richWallet(protocol);
    const copy = await world.open();
    await copy.restore(await wallet.backup());
    const [a, b] = [world.paying(wallet), world.paying(copy)];
    let served = 0;
    for (let i = 0; i < 14; i++) {
      const response = await (i % 3 === 0 ? b : a)(`${origin}/a?${i}`);
      if (response.status === 200) served++;
    }
    expect(served).toBe(14);
    expect((await world.vendor.totals()).spent).toBe(98);
    await expect(a(`${origin}/a`)).rejects.toMatchObject({ code: 'no-card' });
    await expect(b(`${origin}/a`)).rejects.toMatchObject({ code: 'no-card' });
    for (const each of [wallet, copy]) {
      const [card] = each.cards();
      expect(await each.refresh(card!.id)).toMatchObject({ left: 2, reserved: 0 });
    }
  });

  it('shows no secret when it is inspected', async () => {
    const world = await createWorld({});
    const wallet = await world.richWallet(protocol);
    const backup = await wallet.backup();
    const seed = /"seed":"([^"]+)"/.exec(backup)![1]!;
    const { inspect } = await import('node:util');
    expect(inspect(wallet, { depth: 9, showHidden: true })).not.toContain(seed);
    expect(inspect(world.paying(wallet), { depth: 9, showHidden: true })).not.toContain(seed);
  });
});

async function readWhile(response: Promise<Response>, tick: () => void): Promise<string> {
  const state = { done: false };
  void response.finally(() => (state.done = true));
  while (!state.done) {
    tick();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return (await response).text();
}
