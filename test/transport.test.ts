import { createHook } from 'node:async_hooks';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { isImpulsError } from '../src/core/errors.js';
import { openTransport, transportFailure, type TransportOptions } from '../src/node/transport.js';
import { certificate, privateKey } from './support/certificate.js';
import { startSocksServer, type SocksServer, type SocksServerOptions } from './support/socks-server.js';

/** A place behind a recording proxy. Names end with `.example`: nobody but the proxy knows where they are. */

interface Seen {
  readonly address: string;
  readonly port: number;
  readonly resumed: boolean;
  readonly rawHeaders: readonly string[];
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function startPlace(kind: 'http' | 'https' = 'http'): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = [];
  const answer: RequestListener = ({ socket, rawHeaders, url }, res) => {
    const { remoteAddress: address = '', remotePort: port = 0 } = socket;
    seen.push({
      address,
      port,
      rawHeaders,
      resumed: socket instanceof TLSSocket && socket.isSessionReused(),
    });
    if (url === '/away') res.writeHead(302, { Location: '/there' });
    res.end('here');
  };
  const server =
    kind === 'http'
      ? createHttpServer(answer)
      : createHttpsServer({ cert: certificate, key: privateKey }, answer);
  return { port: await listen(server), seen };
}

async function startProxy(options: SocksServerOptions): Promise<SocksServer> {
  const proxy = await startSocksServer(options);
  closers.push(() => proxy.close());
  return proxy;
}

function open(options: TransportOptions) {
  const transport = openTransport(options);
  closers.push(() => transport.close());
  return transport;
}

const textOf = async (response: Promise<Response>): Promise<string> => (await response).text();

/** The names that this process looks up while something runs. */
async function lookupsDuring(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const hook = createHook({
    init(_, type) {
      if (type === 'GETADDRINFOREQWRAP' || type === 'QUERYWRAP') count++;
    },
  }).enable();
  try {
    await work();
  } finally {
    hook.disable();
  }
  return count;
}

async function failureOf(response: Promise<Response>) {
  const error: unknown = await response.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TypeError);
  const failure = transportFailure(error);
  expect(isImpulsError(failure)).toBe(true);
  return failure!;
}

describe('a circuit over a proxy', () => {
  it('has the proxy look up the name, and looks up none here', async () => {
    const { port } = await startPlace();
    const proxy = await startProxy({ route: () => ({ port }) });
    const { circuit } = open({ proxy: proxy.url });
    const lookups = await lookupsDuring(async () => {
      expect(await textOf(circuit('a')('http://news.example:8402/x'))).toBe('here');
    });
    expect(lookups).toBe(0);
    expect(proxy.asked).toMatchObject([{ addressType: 3, host: 'news.example', port: 8402, methods: [2] }]);
    // The watch does see one.
    expect(await lookupsDuring(() => lookup('localhost'))).toBeGreaterThan(0);
  });

  it('has a user name and a password of its own, and so an address of its own', async () => {
    const { port, seen } = await startPlace();
    const proxy = await startProxy({ route: () => ({ port }) });
    const { circuit } = open({ proxy: proxy.url });
    for (const name of ['a', 'b', 'a', 'c', 'b']) await textOf(circuit(name)('http://news.example/'));
    const { asked } = proxy;
    expect(asked).toHaveLength(3);
    for (const key of ['username', 'password', 'exit'] as const) {
      expect(new Set(asked.map((one) => one[key])).size).toBe(3);
    }
    for (const { username, password } of asked) {
      expect([username, password]).toEqual([
        expect.stringMatching(/^[\w-]{22}$/),
        expect.stringMatching(/^[\w-]{22}$/),
      ]);
    }
    const [a, b, c] = asked.map(({ exit }) => exit);
    expect(seen.map(({ address }) => address)).toEqual([a, b, a, c, b]);
    expect(new Set(seen.map(({ port }) => port)).size).toBe(3);
  });

  it('has other names in another process or transport: nothing of them is made from the name of the circuit', async () => {
    const { port } = await startPlace();
    const proxy = await startProxy({ route: () => ({ port }) });
    for (let i = 0; i < 2; i++) await textOf(open({ proxy: proxy.url }).circuit('a')('http://news.example/'));
    expect(new Set(proxy.asked.map(({ username }) => username)).size).toBe(2);
  });

  it('keeps its name for all origins, on the redirects of one, and after a connection has ended', async () => {
    const { port, seen } = await startPlace();
    const proxy = await startProxy({ route: () => ({ port }) });
    const get = open({ proxy: proxy.url }).circuit('a');
    expect(await textOf(get('http://news.example/away'))).toBe('here');
    await textOf(get('http://other.example/', { headers: { Connection: 'close' } }));
    await textOf(get('http://other.example/'));
    expect([...new Set(proxy.asked.map(({ host }) => host))]).toEqual(['news.example', 'other.example']);
    expect(proxy.asked.length).toBeGreaterThan(2);
    expect(new Set(proxy.asked.map(({ username }) => username)).size).toBe(1);
    expect(seen).toHaveLength(4);
  });

  it('speaks TLS with the host, and takes up no TLS session of another connection, not even of its own', async () => {
    const { port, seen } = await startPlace('https');
    const proxy = await startProxy({ route: () => ({ port }) });
    const { circuit } = open({ proxy: proxy.url, ca: certificate });
    for (const name of ['a', 'b', 'a']) {
      await textOf(circuit(name)('https://news.example/', { headers: { Connection: 'close' } }));
    }
    expect(proxy.asked.map((one) => one.port)).toEqual([443, 443, 443]);
    expect(seen.map(({ resumed }) => resumed)).toEqual([false, false, false]);
    // One agent for all does take it up, and the vendor sees that.
    const { Agent, fetch } = await import('undici');
    const dispatcher = new Agent({ connect: { ca: certificate, servername: 'news.example' } });
    closers.push(() => dispatcher.destroy());
    for (let i = 0; i < 2; i++) {
      const init = { dispatcher, headers: { Connection: 'close' } };
      await (await fetch(`https://127.0.0.1:${port}/`, init)).text();
    }
    expect(seen.at(-1)!.resumed).toBe(true);
  });

  it('trusts no certificate of another name', async () => {
    const { port } = await startPlace('https');
    const proxy = await startProxy({ route: () => ({ port }) });
    const get = open({ proxy: proxy.url, ca: certificate }).circuit('a');
    await expect(get('https://evil.example/')).rejects.toThrow(TypeError);
    await expect(open({ proxy: proxy.url }).circuit('a')('https://news.example/')).rejects.toThrow(TypeError);
  });

  it('passes addresses on as addresses', async () => {
    const { port } = await startPlace();
    const proxy = await startProxy({ route: () => ({ port }) });
    const get = open({ proxy: proxy.url }).circuit('a');
    for (const host of ['192.0.2.7', '[2001:db8::a:1]', '[::1]']) await textOf(get(`http://${host}/`));
    expect(proxy.asked).toMatchObject([
      { addressType: 1, host: '192.0.2.7' },
      { addressType: 4, host: '20010db800000000000000000000000a0001'.replace('0000000a', '000a') },
      { addressType: 4, host: `${'0'.repeat(31)}1` },
    ]);
  });

  it('understands answers that come a byte at a time', async () => {
    const { port } = await startPlace();
    const proxy = await startProxy({ route: () => ({ port }), slowly: true });
    expect(await textOf(open({ proxy: proxy.url }).circuit('a')('http://news.example/'))).toBe('here');
  });

  it('sends the same headers in the same order on every circuit', async () => {
    const { port, seen } = await startPlace();
    const proxy = await startProxy({ route: () => ({ port }) });
    const { circuit } = open({ proxy: proxy.url });
    for (const name of ['a', 'b']) await textOf(circuit(name)('http://news.example/'));
    expect(seen[0]!.rawHeaders).toEqual(seen[1]!.rawHeaders);
  });
});

describe('without its proxy a circuit', () => {
  it('sends nothing at all: not to a proxy that is down', async () => {
    const { port, seen } = await startPlace();
    const proxy = await startProxy({ route: () => ({ port }) });
    await proxy.close();
    closers.pop();
    const get = open({ proxy: proxy.url }).circuit('a');
    const lookups = await lookupsDuring(async () => {
      // A place that could be had directly.
      const failure = await failureOf(get(`http://127.0.0.1:${port}/`));
      expect(failure.message).toBe(
        `the proxy ${new URL(proxy.url).host} cannot be reached: nothing listens there`,
      );
      expect(failure.hint).toContain('nothing goes without it');
    });
    expect(lookups).toBe(0);
    expect(seen).toEqual([]);
  });

  it.each([
    ['takes no user names', { method: 0 }, 'it cannot keep circuits apart'],
    ['takes no method of ours', { method: 0xff }, 'it cannot keep circuits apart'],
    ['refuses the user name', { status: 1 }, 'refuses the user names'],
    ['cannot reach the host', {}, 'does not connect to 127.0.0.1: the host cannot be reached'],
  ])('sends nothing at all: not if it %s', async (_, options, message) => {
    const { port, seen } = await startPlace();
    const proxy = await startProxy({ route: () => undefined, ...options });
    const get = open({ proxy: proxy.url }).circuit('a');
    expect((await failureOf(get(`http://127.0.0.1:${port}/`))).message).toContain(message);
    expect(seen).toEqual([]);
  });

  it('gives up on one that is silent, and on one that speaks another language', async () => {
    const { port, seen } = await startPlace();
    const silent = `socks5h://127.0.0.1:${await listen(createServer())}`;
    const get = open({ proxy: silent, timeoutMs: 100 }).circuit('a');
    expect((await failureOf(get(`http://127.0.0.1:${port}/`))).message).toContain('does not answer in time');
    const other = open({ proxy: `socks5h://127.0.0.1:${port}` }).circuit('a');
    expect((await failureOf(other(`http://127.0.0.1:${port}/`))).message).toContain('is no SOCKS 5 proxy');
    expect(seen).toEqual([]);
  });

  it('sends nothing when the transport is closed', async () => {
    const { port, seen } = await startPlace();
    const transport = openTransport();
    await transport.close();
    await expect(transport.circuit('a')(`http://127.0.0.1:${port}/`)).rejects.toThrow('closed');
    expect(seen).toEqual([]);
  });
});

describe('circuits without a proxy', () => {
  it('share no connection', async () => {
    const { port, seen } = await startPlace();
    const { circuit } = open({});
    for (const name of ['a', 'b', 'a']) await textOf(circuit(name)(`http://127.0.0.1:${port}/`));
    const [a, b, again] = seen.map((one) => one.port);
    expect(again).toBe(a);
    expect(b).not.toBe(a);
  });
});

describe('a proxy', () => {
  it.each([
    'socks5://127.0.0.1:9050',
    'http://127.0.0.1:8080',
    'socks5h://me:secret@127.0.0.1:9050',
    'socks5h://127.0.0.1:9050/x',
    'socks5h:',
    '127.0.0.1:9050',
    '',
  ])('is not %s', (proxy) => {
    expect(() => openTransport({ proxy })).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
