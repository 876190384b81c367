import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createMemoryStorage, createPayingFetch, openWallet, type Wallet } from '../../src/client/index.js';
import { openMeteredSocket, type MeteredSocketOptions } from '../../src/client/metered.js';
import { createCallHandler } from '../../src/node/http.js';
import { createMemoryLedger, createVendor, type Vendor } from '../../src/server/index.js';
import {
  createMeteredSockets,
  type Meter,
  type MeteredSocketHandler,
  type MeteredSocketsOptions,
} from '../../src/server/metering/index.js';
import { createTestKeys } from '../support/vendor.js';

/** A real `ws` server on loopback, and clients with the WebSocket of `ws`. */

interface World {
  readonly origin: string;
  readonly url: string;
  readonly vendor: Vendor;
  readonly errors: unknown[];
  /** Requests that came over HTTP, without ids. */
  readonly arrived: string[];
  readonly sockets: Set<WebSocket>;
  wallet(records?: Map<string, string>, fetch?: typeof globalThis.fetch): Promise<Wallet>;
  open(wallet: Wallet, options: MeteredSocketOptions): ReturnType<typeof openMeteredSocket>;
  spent(): Promise<number>;
  cut(): void;
  /** Lets the time pass that a meter waits for a claim. */
  readonly starve: () => void;
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function createWorld(
  handler: MeteredSocketHandler,
  options: MeteredSocketsOptions = {},
): Promise<World> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const errors: unknown[] = [];
  const arrived: string[] = [];
  const graceMs = 9_999;
  const timers = new Set<{ readonly milliseconds: number; readonly callback: () => void }>();
  const vendor = createVendor({
    ...(await createTestKeys(origin, [100], Math.floor(Date.now() / 1000))),
    ledger: createMemoryLedger(),
    metering: {
      graceMs,
      after(milliseconds, callback) {
        const timer = { milliseconds, callback };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
    onError: (error) => errors.push(error),
  });
  const live = createMeteredSockets(vendor, { price: 1 }, handler, {
    onError: (error) => errors.push(error),
    ...options,
  });
  const handle = createCallHandler(async (call) =>
    call.target === '/live' ? live.answer(call) : vendor.answer(call),
  );
  server.on('request', (req, res) => {
    arrived.push(`${req.method} ${req.url!.replace(/[A-Za-z0-9_-]{22}/, '*')}`);
    void handle(req, res);
  });
  const sockets = new WebSocketServer({ server, maxPayload: 1 << 20 });
  sockets.on('connection', (socket, request) => void live.connect(socket, request));
  closing.push(async () => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `${origin.replace('http', 'ws')}/live`;
  return {
    origin,
    url,
    vendor,
    errors,
    arrived,
    sockets: sockets.clients,
    async wallet(records = new Map(), fetch) {
      const isNew = records.size === 0;
      const wallet = await openWallet({
        storage: createMemoryStorage(records),
        sleep: (_, signal) =>
          new Promise((resolve, reject) =>
            setImmediate(() => {
              if (signal?.aborted) reject(new TypeError('aborted'));
              else resolve();
            }),
          ),
        ...(fetch && { fetch }),
      });
      if (isNew) {
        const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
        await wallet.redeem(origin, code!, { protocol: 'chain' });
      }
      return wallet;
    },
    open: (wallet, more) =>
      openMeteredSocket(createPayingFetch({ wallet, limits: { perRequest: 50, total: 1000 } }), url, {
        WebSocket,
        ...more,
      }),
    spent: async () => (await vendor.totals()).spent,
    starve() {
      for (const { milliseconds, callback } of timers) if (milliseconds === graceMs) callback();
    },
    cut() {
      for (const socket of sockets.clients) socket.terminate();
    },
  };
}

/** So many numbers, a unit each. */
const numbers =
  (count: number): MeteredSocketHandler =>
  async ({ send }) => {
    for (let number = 0; number < count; number++) if (!(await send(String(number)))) return;
  };

async function readAll(messages: AsyncIterable<string | Uint8Array>): Promise<(string | Uint8Array)[]> {
  const all: (string | Uint8Array)[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

/** A client of no wallet. */
async function rawSocket(url: string): Promise<{
  socket: WebSocket;
  answers: { id: number | null; status: number; body?: string }[];
  closed: Promise<[number, string]>;
}> {
  const socket = new WebSocket(url);
  const answers: { id: number | null; status: number; body?: string }[] = [];
  socket.on('message', (data: Buffer) => answers.push(JSON.parse(data.toString()) as never));
  const closed = new Promise<[number, string]>((resolve) =>
    socket.on('close', (code, reason) => resolve([code, reason.toString()])),
  );
  await once(socket, 'open');
  return { socket, answers, closed };
}

describe('a metered WebSocket', () => {
  it('is paid as it goes on by claims in the socket itself', async () => {
    const world = await createWorld(numbers(23));
    const wallet = await world.wallet();
    world.arrived.length = 0;
    const socket = await world.open(wallet, { max: 60, step: 5 });
    expect(await readAll(socket)).toEqual(Array.from({ length: 23 }, (_, number) => String(number)));
    expect(await socket.ended).toEqual({ units: 23, reason: 'finished' });
    expect(await world.spent()).toBe(23);
    expect(wallet.cards()).toMatchObject([{ left: 77, reserved: 0 }]);
    // Only what was claimed while the socket was being closed.
    const overHttp = world.arrived.filter((line) => !line.endsWith('/impuls') && !line.endsWith('/activate'));
    expect(overHttp.length).toBeLessThanOrEqual(2);
    expect(overHttp.filter((line) => !line.startsWith('POST /impuls/meter/'))).toEqual([]);
    expect(world.errors).toEqual([]);
  });

  it('passes messages of the application unchanged both ways', async () => {
    const world = await createWorld(async ({ messages, send }) => {
      for await (const message of messages) {
        if (message === 'bye') return;
        await send(message, 2);
      }
    });
    const socket = await world.open(await world.wallet(), { max: 60, step: 5 });
    const reader = socket[Symbol.asyncIterator]();
    for (const text of ['\ufeffü', '{"impulse":1}', '{}']) {
      socket.send(text);
      expect((await reader.next()).value).toBe(text);
    }
    socket.send(Uint8Array.of(0, 255));
    expect((await reader.next()).value).toEqual(Uint8Array.of(0, 255));
    expect(() => socket.send('{"impuls":"request"}')).toThrow('about payments');
    socket.send('bye');
    expect((await reader.next()).done).toBe(true);
    expect(await socket.ended).toEqual({ units: 8, reason: 'finished' });
    expect(await world.spent()).toBe(8);
  });

  it('ends in good order when its limit is reached, and when the card is empty', async () => {
    const world = await createWorld(numbers(1000));
    const readAllThenStarve = async (messages: AsyncIterable<unknown>, count: number): Promise<unknown[]> => {
      const all: unknown[] = [];
      let starving: ReturnType<typeof setInterval> | undefined;
      for await (const message of messages) {
        all.push(message);
        // Nothing is claimed any more; the handler asks for the next one when this one has left.
        if (all.length === count) starving = setInterval(world.starve, 5);
      }
      clearInterval(starving);
      return all;
    };
    const wallet = await world.wallet();
    const first = await world.open(wallet, { max: 12, step: 5 });
    expect(await readAllThenStarve(first, 12)).toHaveLength(12);
    expect(await first.ended).toEqual({ units: 12, reason: 'unpaid' });
    expect(await world.spent()).toBe(12);
    const second = await world.open(wallet, { max: 500, step: 7 });
    expect(await readAllThenStarve(second, 88)).toHaveLength(88);
    expect(await second.ended).toMatchObject({ units: 88, reason: 'unpaid', error: { code: 'no-card' } });
    expect(await world.spent()).toBe(100);
    expect(world.errors).toEqual([]);
  });

  it('gives back what is not used when the client lets go', async () => {
    const world = await createWorld(async ({ messages, send }) => {
      for await (const message of messages) await send(message);
    });
    const wallet = await world.wallet();
    const socket = await world.open(wallet, { max: 50, step: 10 });
    for (const text of ['a', 'b', 'c', 'd']) socket.send(text);
    const reader = socket[Symbol.asyncIterator]();
    for (let read = 0; read < 4; read++) await reader.next();
    expect(await socket.stop()).toEqual({ units: 4, reason: 'left' });
    expect(await world.spent()).toBe(4);
    expect(wallet.cards()).toMatchObject([{ left: 96, reserved: 0 }]);
  });

  it('goes on in another socket where it was cut off with claims in flight', async () => {
    const meters: Meter[] = [];
    let next = 0;
    const world = await createWorld(async ({ meter, messages, send }) => {
      meters.push(meter);
      for await (const message of messages) {
        const many = Number(message);
        for (let i = 0; i < many; i++) if (!(await send(String(next++)))) return;
        if (next >= 20) return;
      }
    });
    const wallet = await world.wallet();
    const socket = await world.open(wallet, { max: 60, step: 4 });
    socket.send('9');
    const first = socket[Symbol.asyncIterator]();
    for (let read = 0; read < 9; read++) await first.next();
    world.cut();
    await expect(first.next()).rejects.toMatchObject({ code: 'network' });
    expect(() => socket.send('lost')).toThrow('not open');
    await socket.reopen();
    expect(meters.map(({ resumed }) => resumed)).toEqual([false, true]);
    expect(meters[1]!.id).toBe(meters[0]!.id);
    socket.send('11');
    expect((await readAll(socket)).at(-1)).toBe('19');
    expect(await socket.ended).toEqual({ units: 20, reason: 'finished' });
    expect(meters[1]!.used).toBe(20);
    expect(await world.spent()).toBe(20);
    expect((await wallet.recover()).claims).toEqual([]);
    expect(wallet.cards()).toMatchObject([{ left: 80, reserved: 0 }]);
    expect(world.errors).toEqual([]);
  });

  it('is recovered over HTTP when the wallet dies with claims in flight', async () => {
    const world = await createWorld(async ({ messages, send }) => {
      for await (const message of messages) await send(message);
    });
    const records = new Map<string, string>();
    let alive = true;
    const dying: typeof fetch = (input, init) =>
      alive ? fetch(input, init) : Promise.reject(new TypeError('killed'));
    const socket = await world.open(await world.wallet(records, dying), { max: 60, step: 4 });
    const reader = socket[Symbol.asyncIterator]();
    for (let read = 0; read < 6; read++) {
      socket.send('more');
      await reader.next();
    }
    alive = false;
    const copy = new Map(records);
    world.cut();
    await expect(reader.next()).rejects.toMatchObject({ code: 'network' });
    const again = await world.wallet(copy);
    // The meter is over, so that claims are not held any longer.
    const [meter] = [...copy.values()].flatMap((text) => /meter\\?\/([\w-]{22})/.exec(text)?.[1] ?? []);
    await fetch(`${world.origin}/impuls/meter/${meter}`, { method: 'DELETE' });
    const { claims } = await again.recover();
    expect(claims.length).toBeGreaterThan(0);
    expect(claims.filter(({ result }) => result === 'unknown')).toEqual([]);
    expect(await world.spent()).toBe(6);
    for (const { id } of again.cards()) await again.refresh(id);
    expect(again.cards()).toMatchObject([{ left: 94, reserved: 0 }]);
  });

  it('takes the opening claim again whose answer was lost with its socket', async () => {
    const world = await createWorld(numbers(5));
    const wallet = await world.wallet();
    let cuts = 0;
    /** Loses the answer to the first claim. */
    class Losing extends WebSocket {
      override send(data: never): void {
        if (String(data).includes('authorization') && cuts++ === 0) {
          super.send(data, () => this.terminate());
        } else super.send(data);
      }
    }
    const socket = await world.open(wallet, { max: 60, WebSocket: Losing });
    const messages = await readAll(socket);
    const { units, reason } = await socket.ended;
    expect(reason).toBe('finished');
    expect(messages.length).toBeGreaterThanOrEqual(5);
    expect(units).toBe(await world.spent());
    expect(cuts).toBeGreaterThan(1);
    expect(wallet.cards()).toMatchObject([{ left: 100 - units, reserved: 0 }]);
  });

  it('lets a claim that never arrived do nothing any more, over HTTP', async () => {
    const world = await createWorld(numbers(5));
    const wallet = await world.wallet();
    /** Never sends a claim, and breaks. */
    class Mute extends WebSocket {
      override send(data: never): void {
        if (String(data).includes('authorization')) this.terminate();
        else super.send(data);
      }
    }
    await expect(world.open(wallet, { max: 60, WebSocket: Mute })).rejects.toMatchObject({
      code: 'unsettled',
    });
    const { claims } = await wallet.recover();
    expect(claims).toMatchObject([{ charged: 0, result: 'freed' }]);
    expect(await world.spent()).toBe(0);
    expect(wallet.cards()).toMatchObject([{ left: 100, reserved: 0 }]);
  });

  it('closes the socket of a handler that fails, and charges what it used', async () => {
    const world = await createWorld(async ({ send }) => {
      await send('one');
      throw new TypeError('a fault');
    });
    const socket = await world.open(await world.wallet(), { max: 60 });
    await expect(readAll(socket)).rejects.toMatchObject({ code: 'payment-refused' });
    expect(await socket.ended).toMatchObject({ units: 1, reason: 'unknown' });
    expect(await world.spent()).toBe(1);
    expect(world.errors).toMatchObject([{ message: 'a fault' }]);
  });
});

describe('what is no claim', () => {
  it('gets an error, changes nothing, and closes the socket when there is too much of it', async () => {
    const world = await createWorld(numbers(5));
    const { socket, answers, closed } = await rawSocket(world.url);
    const garbage = [
      '{"impuls":',
      '{"impuls":"answer","id":1}',
      '{"impuls":"request","id":-1,"method":"GET","target":"/live","headers":{}}',
      '{"impuls":"request","id":1,"method":"GET","target":"/live","headers":{"authorization":"\\u0000"}}',
      `{"impuls":"request","id":1,"x":"${'x'.repeat(40_000)}"}`,
      '{"impuls":"request","id":2,"method":"GET","target":"/live","headers":{"authorization":"Payment AAAA"}}',
      '{"impuls":"request","id":3,"method":"GET","target":"/","headers":{}}',
      '{"impuls":"request","id":4,"method":"POST","target":"/impuls/state","headers":{}}',
    ];
    for (const text of garbage) {
      const before = answers.length;
      socket.send(text);
      while (answers.length === before) await once(socket, 'message');
    }
    expect(answers.map(({ id, status }) => [id, status])).toEqual([
      [null, 400],
      [null, 400],
      [null, 400],
      [null, 400],
      [null, 400],
      [2, 402],
      [3, 404],
      [4, 404],
    ]);
    for (let i = 0; i < 40; i++) socket.send('{"impuls":1}');
    expect(await closed).toEqual([1008, 'too many messages about payments']);
    expect(answers.length).toBeLessThan(30);
    expect(await world.spent()).toBe(0);
    expect(world.errors).toEqual([]);
  });

  it('does not pass before a socket is paid, nor in floods or in one piece that is too long', async () => {
    const world = await createWorld(
      async ({ meter }) => {
        await meter.use(1);
        await new Promise((resolve) => setTimeout(resolve, 50));
      },
      { maxUnread: 10, maxMessageBytes: 50_000 },
    );
    const early = await rawSocket(world.url);
    early.socket.send('hello');
    expect(await early.closed).toEqual([1008, 'nothing is paid yet']);
    const long = await rawSocket(world.url);
    long.socket.send(new Uint8Array(50_001));
    expect((await long.closed)[0]).toBe(1009);
    const flooding = await world.open(await world.wallet(), { max: 10 });
    for (let i = 0; i < 11; i++) flooding.send('x');
    await expect(readAll(flooding)).rejects.toMatchObject({ code: 'payment-refused' });
  });

  it('does not keep a socket open that nobody pays, nor too many of them', async () => {
    const due: (() => void)[] = [];
    const world = await createWorld(numbers(5), {
      maxUnpaid: 2,
      after: (_, callback) => (due.push(callback), () => {}),
    });
    const [first, second] = [await rawSocket(world.url), await rawSocket(world.url)];
    const third = await rawSocket(world.url);
    expect((await first.closed)[0]).toBe(4408);
    for (const callback of due) callback();
    expect((await second.closed)[0]).toBe(4408);
    expect((await third.closed)[0]).toBe(4408);
  });
});
