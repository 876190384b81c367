import { createServer, request, type IncomingMessage, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paymentOf } from '../../src/client/index.js';
import { challengesOf, claimOf } from '../support/card.js';
import { openStage, type ProxyStage } from './stage.js';

interface Seen {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let stage: ProxyStage;
const seen: Seen[] = [];
/** What the upstream does next at /do. */
let act: RequestListener = (_req, res) => res.end();

const routes = [
  { path: '/do', price: 3, timeouts: { headSeconds: 0.05, idleSeconds: 0.2 } },
  { path: '/echo', price: 2, method: ['GET', 'POST'], summary: 'Says it again' },
  { path: '/used', price: 10, charge: 'capture' as const, method: 'POST' },
  { path: '/strict', price: 1, maxBodyBytes: 8 },
];

beforeAll(async () => {
  stage = await openStage(
    (req, res) => {
      let body = '';
      const { method = '', url = '', headers } = req;
      if (/^\/do|^\/free\/do/.test(url)) {
        act(req, res);
        return;
      }
      req.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
      req.on('end', () => {
        seen.push({ method, target: url, headers, body });
        res.setHeader('Date', 'Thu, 01 Jan 1970 00:00:00 GMT');
        if (url === '/used') res.setHeader('Impuls-Units', '4');
        res.end(`${method} ${url} ${body}`);
      });
    },
    { routes, upstreamHeaders: { 'X-Key': 'of the upstream' } },
  );
});
afterAll(() => stage.close());

/** One request by hand. @returns what came, head and body as text */
async function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(stage.origin);
  const socket = connect(Number(port), hostname);
  socket.write(text.replaceAll('\n', '\r\n'));
  let answer = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) answer += chunk.toString('latin1');
  return answer;
}

describe('a paying proxy', () => {
  it('asks for payment where the price list says so, and passes everything else', async () => {
    expect((await fetch(`${stage.origin}/echo`)).status).toBe(402);
    const free = await fetch(`${stage.origin}/free/a%20b?x=1&y=%2F`, { method: 'PUT', body: 'as it is' });
    expect(await free.text()).toBe('PUT /free/a%20b?x=1&y=%2F as it is');
    const before = await stage.spent();
    const paid = await stage.pay(`${stage.origin}/echo?q=1`, { method: 'POST', body: 'paid for' });
    expect(await paid.text()).toBe('POST /echo?q=1 paid for');
    expect(paymentOf(paid)).toMatchObject({ units: 2 });
    expect(paid.headers.get('cache-control')).toBe('private');
    expect((await stage.spent()) - before).toBe(2);
  });

  it('shows the upstream no credential, and no more of a caller than it should', async () => {
    await stage.pay(`${stage.origin}/echo`);
    const { headers } = seen.at(-1)!;
    const { host } = new URL(stage.origin);
    expect(headers.authorization).toBeUndefined();
    expect(headers).toMatchObject({
      'x-key': 'of the upstream',
      'x-forwarded-host': host,
      'x-forwarded-proto': 'http',
      'x-forwarded-for': '127.0.0.1',
      'impuls-units': '2',
    });
    expect(headers.host).not.toBe(host);
    expect(headers.via).toMatch(/^1\.1 impuls-[0-9a-f]{12}$/);
    await fetch(`${stage.origin}/free`, {
      headers: {
        authorization: 'payment e30',
        'x-key': 'of the caller',
        'x-forwarded-for': '10.0.0.1',
        'x-http-method-override': 'DELETE',
        'x-original-url': '/echo',
        'impuls-units': '1000',
        'accept-payment': 'impuls/session',
        'x-own': 'passes',
      },
    });
    const free = seen.at(-1)!.headers;
    expect(free).toMatchObject({
      'x-key': 'of the upstream',
      'x-forwarded-for': '127.0.0.1',
      'x-own': 'passes',
    });
    for (const name of [
      'authorization',
      'x-http-method-override',
      'x-original-url',
      'impuls-units',
      'accept-payment',
    ]) {
      expect(free[name], name).toBeUndefined();
    }
    await fetch(`${stage.origin}/free`, { headers: { authorization: 'Bearer theirs' } });
    expect(seen.at(-1)!.headers.authorization).toBe('Bearer theirs');
  });

  it('drops what is of one connection only, also what a connection names', async () => {
    const answer = await raw(
      'GET /free HTTP/1.1\nHost: x\nConnection: close, X-Mine\nX-Mine: 1\nKeep-Alive: timeout=5\nTE: trailers\nProxy-Authorization: Basic x\n\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    const { headers } = seen.at(-1)!;
    for (const name of ['x-mine', 'keep-alive', 'te', 'proxy-authorization'])
      expect(headers[name]).toBeUndefined();
  });

  it("tells the vendor's time, which wallets go by, and not that of the upstream", async () => {
    const response = await fetch(`${stage.origin}/free`);
    expect(Date.parse(response.headers.get('date')!)).toBeGreaterThan(Date.UTC(2020, 1));
  });

  it.each(['/%65cho', '/ECHO', '/echo/', '/echo?', '/echo?x=/free'])(
    'asks for the price at %s, too',
    async (path) => {
      expect(await raw(`GET ${path} HTTP/1.1\nHost: x\nConnection: close\n\n`)).toMatch(/^HTTP\/1\.1 402 /);
    },
  );

  it.each(['//echo', '/free/../echo', '/free/%2e%2e/echo', '/%5cecho', '/echo;a=b', 'http://x/echo', '/%00'])(
    'refuses %s, which servers read in more than one way',
    async (path) => {
      const before = seen.length;
      expect(await raw(`GET ${path} HTTP/1.1\nHost: x\nConnection: close\n\n`)).toMatch(/^HTTP\/1\.1 400 /);
      expect(seen).toHaveLength(before);
    },
  );

  it('answers HEAD as GET, without a body', async () => {
    expect((await fetch(`${stage.origin}/echo`, { method: 'HEAD' })).status).toBe(402);
    const response = await stage.pay(`${stage.origin}/echo`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(paymentOf(response)).toMatchObject({ units: 2 });
    expect(await response.text()).toBe('');
  });

  it('does not pass TRACE, which would show the keys of the upstream', async () => {
    const answer = await raw('TRACE /free HTTP/1.1\nHost: x\nConnection: close\n\n');
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
  });

  it('answers a preflight of a paid route itself, and lets pages send what they ask to', async () => {
    const response = await fetch(`${stage.origin}/echo`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://page.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-own',
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-headers')).toContain('x-own');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });

  it('keeps of a claim what the upstream says it used', async () => {
    const before = await stage.spent();
    const response = await stage.pay(`${stage.origin}/used`, { method: 'POST', body: 'x' });
    expect(seen.at(-1)!.headers['impuls-units']).toBe('10');
    expect(paymentOf(response)).toMatchObject({ units: 4 });
    expect(response.headers.get('impuls-units')).toBeNull();
    expect((await stage.spent()) - before).toBe(4);
  });

  it('refuses a body beyond the limit of a paid route before it is sent', async () => {
    const post = (headers: string): Promise<string> =>
      raw(`POST /strict HTTP/1.1\nHost: x\nConnection: close\n${headers}\n\n`);
    const claimed = 'Authorization: Payment e30\nExpect: 100-continue\nContent-Length: 9';
    expect(await post('Expect: 100-continue\nContent-Length: 5')).toMatch(/^HTTP\/1\.1 402 /);
    expect(await post(claimed)).not.toMatch(/^HTTP\/1\.1 100 /);
  });

  it('says at once that a body may come, where the answer depends on it', async () => {
    const answer = await raw(
      'PUT /free HTTP/1.1\nHost: x\nConnection: close\nExpect: 100-continue\nContent-Length: 2\n\nhi',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(answer).toMatch(/PUT \/free hi$/);
    expect(seen.at(-1)!.headers.expect).toBeUndefined();
  });
});

describe('an upstream that fails', () => {
  it.each([
    ['says 404', 404, (_req, res) => res.writeHead(404).end('no')],
    ['says 500', 500, (_req, res) => res.writeHead(500).end()],
    [
      'wants to be paid itself',
      502,
      (_req, res) => res.writeHead(402, { 'WWW-Authenticate': 'Payment id="x"' }).end(),
    ],
    ['breaks off', 502, (req) => req.socket.destroy()],
    ['speaks no HTTP', 502, (req) => req.socket.end('hello\r\n\r\n')],
    ['says nothing', 504, () => {}],
  ] as ReadonlyArray<[string, number, RequestListener]>)(
    'costs nothing where it %s',
    async (_, status, listener) => {
      act = listener;
      const before = await stage.spent();
      const response = await stage.pay(`${stage.origin}/do`, { method: 'POST', body: 'x' });
      expect(response.status).toBe(status);
      expect(response.headers.get('payment-receipt')).toBeNull();
      expect(response.headers.get('www-authenticate')).toBeNull();
      expect(await stage.spent()).toBe(before);
    },
  );

  it('costs nothing where nobody listens', async () => {
    const closed = await openStage('http://127.0.0.1:9', { routes: [{ path: '/*', price: 1 }] });
    expect((await closed.pay(`${closed.origin}/a`)).status).toBe(502);
    expect(await closed.spent()).toBe(0);
    await closed.close();
  });

  it('is asked once more where a kept connection closed under a request that may be repeated', async () => {
    let calls = 0;
    act = (req, res) => {
      if (++calls === 2) req.socket.destroy();
      else res.end(`call ${calls}`);
    };
    expect(await (await stage.pay(`${stage.origin}/do`)).text()).toBe('call 1');
    expect(await (await stage.pay(`${stage.origin}/do`)).text()).toBe('call 3');
    calls = 1;
    expect((await stage.pay(`${stage.origin}/do`, { method: 'POST', body: 'x' })).status).toBe(502);
    expect(calls).toBe(2);
  });

  it('breaks the answer off where it breaks off itself, so that nobody takes it for whole', async () => {
    act = (req, res) => {
      res.write('half');
      setImmediate(() => req.socket.destroy());
    };
    const response = await fetch(`${stage.origin}/free/do`);
    await expect(response.text()).rejects.toThrow();
  });
});

describe('a stream', () => {
  it('passes piece by piece, with its head before the first of them', async () => {
    let say: (text: string) => void = () => {};
    act = (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      res.flushHeaders();
      say = (text) => (text === '' ? res.end() : res.write(text));
    };
    const response = await stage.pay(`${stage.origin}/do`);
    expect(paymentOf(response)).toMatchObject({ units: 3 });
    const reader = response.body!.getReader();
    for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
      say(text);
      expect(new TextDecoder().decode((await reader.read()).value)).toBe(text);
    }
    say('');
    expect((await reader.read()).done).toBe(true);
  });

  it('is held back at the upstream while its client does not read', async () => {
    let sent = 0;
    let full = (): void => {};
    const stuck = new Promise<void>((resolve) => (full = resolve));
    const piece = Buffer.alloc(1 << 16);
    act = (_req, res) => {
      const go = (): void => {
        while (res.write(piece)) sent += piece.length;
        full();
        res.once('drain', go);
      };
      go();
    };
    const response = await new Promise<IncomingMessage>((resolve) =>
      request(`${stage.origin}/free/do`, resolve).end(),
    );
    await stuck;
    // What the system and the streams on the way buffer, and no more.
    expect(sent).toBeLessThan(64 << 20);
    response.destroy();
  });

  it('ends at the upstream when its client goes away', async () => {
    let gone = (): void => {};
    const left = new Promise<void>((resolve) => (gone = resolve));
    act = (_req, res) => {
      res.once('close', gone);
      res.write('the first of many');
    };
    const aborting = new AbortController();
    const response = await fetch(`${stage.origin}/free/do`, { signal: aborting.signal });
    await response.body!.getReader().read();
    aborting.abort();
    await left;
  });

  it('passes upwards, and its trailers downwards', async () => {
    act = (req, res) => {
      res.writeHead(200, { Trailer: 'X-Sum' });
      let sum = 0;
      req.on('data', (chunk: Buffer) => (sum += chunk.length));
      req.on('end', () => {
        res.write('x');
        res.addTrailers({ 'X-Sum': String(sum) });
        res.end();
      });
    };
    const trailers = await new Promise((resolve, reject) => {
      const sending = request(`${stage.origin}/free/do`, { method: 'POST' }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.trailers));
      });
      sending.once('error', reject);
      sending.write(Buffer.alloc(100_000));
      sending.end(Buffer.alloc(23));
    });
    expect(trailers).toEqual({ 'x-sum': '100023' });
  });

  it('passes early hints', async () => {
    act = (_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.end('late');
    };
    const [hints, text] = await new Promise<[unknown, string]>((resolve) => {
      let early: unknown;
      const sending = request(`${stage.origin}/free/do`, (response) => {
        response.setEncoding('utf8').once('data', (body: string) => resolve([early, body]));
      });
      sending.on('information', ({ statusCode, headers }) => (early = { statusCode, link: headers['link'] }));
      sending.end();
    });
    expect(hints).toEqual({ statusCode: 103, link: '</a.css>; rel=preload' });
    expect(text).toBe('late');
  });

  it('of an answer that was kept is not asked for again', async () => {
    let calls = 0;
    act = (_req, res) => res.end(`call ${++calls}`);
    const hand = await stage.card();
    const [challenge] = challengesOf(await fetch(`${stage.origin}/do`, { method: 'POST' }));
    const body = new TextEncoder().encode('once');
    const { authorization } = claimOf(
      hand,
      challenge!,
      { method: 'POST', target: '/do', body },
      { end: 3, units: 3 },
    );
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${stage.origin}/do`, {
        method: 'POST',
        body,
        headers: { authorization },
      });
      expect(await response.text()).toBe('call 1');
    }
  });
});

describe('where the proxy leads', () => {
  it("is the upstream's path before that of the request, and its redirects lead back", async () => {
    const upstream = createServer((req, res) => {
      const { port } = upstream.address() as { port: number };
      res.writeHead(302, {
        Location: req.url === '/base/abs' ? `http://127.0.0.1:${port}/base/next?a#b` : '/base/next',
      });
      res.end(req.url);
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const { port } = upstream.address() as { port: number };
    const based = await openStage(`http://127.0.0.1:${port}/base/`, {});
    const locations = await Promise.all(
      ['/abs', '/rel'].map(async (path) => {
        const response = await fetch(based.origin + path, { redirect: 'manual' });
        expect(await response.text()).toBe(`/base${path}`);
        return response.headers.get('location');
      }),
    );
    expect(locations).toEqual([`${based.origin}/next?a#b`, '/next']);
    await based.close();
    upstream.close();
  });

  it('is not itself', async () => {
    const stageOfLoop = await openStage('http://127.0.0.1:9', {});
    stageOfLoop.reload({ upstream: stageOfLoop.origin });
    expect((await fetch(`${stageOfLoop.origin}/a`)).status).toBe(508);
    await stageOfLoop.close();
  });

  it('changes with the price list, and what is unchanged keeps its gate', async () => {
    const changing = await openStage((_req, res) => res.end('ok'), { routes: [{ path: '/a', price: 1 }] });
    const statusOf = async (path: string): Promise<number> => (await fetch(changing.origin + path)).status;
    expect([await statusOf('/a'), await statusOf('/b')]).toEqual([402, 200]);
    changing.reload({ routes: [{ path: '/b', price: 2 }], default: 'refuse' });
    expect([await statusOf('/a'), await statusOf('/b')]).toEqual([404, 402]);
    const listed = await (await fetch(`${changing.origin}/llms.txt`)).text();
    expect(listed).toContain('GET /b: 2');
    expect(listed).not.toContain('GET /a');
    await changing.close();
  });
});
