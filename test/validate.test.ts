import { describe, expect, it } from 'vitest';
import { validate } from '../src/cli/validating/validate.js';
import { createTap } from '../src/cli/validating/tap.js';
import type { Check } from '../src/cli/doctor/check.js';
import { createWorld, direct, origin, type Network, type Paid, type World } from './client-fixture.js';
import { now } from './support/vendor.js';

/** The black box is a vendor in this process; each broken one is wrong in one way, by what stands before it. */

const handler: Paid['handler'] = async (request) => new Response(`read ${await request.text()}`);
const example = { requestBody: { content: { 'application/json': { example: { q: 'why' } } } } };

const routes: Readonly<Record<string, Paid>> = {
  '/a': { price: 3, headers: ['X-Edition'], listing: { method: 'GET', path: '/a' }, handler },
};
const asking: Readonly<Record<string, Paid>> = {
  '/ask': { price: 5, listing: { method: 'POST', path: '/ask', operation: example }, handler },
};

const healthy = createWorld(routes);

interface Look {
  readonly network?: Network;
  readonly world?: World;
  readonly origin?: string;
  readonly paths?: readonly string[];
  readonly method?: string;
  readonly max?: number;
  /** Seconds that the certificate still holds. */
  readonly certificate?: number;
}

async function look({
  network = direct,
  paths = [],
  max,
  certificate = 90 * 86_400,
  ...more
}: Look): Promise<Check[]> {
  const world = more.world ?? (await healthy);
  world.network = network;
  const tap = createTap();
  const fetching = tap.wrap(world.fetch);
  const probe = {
    fetch: fetching,
    certificateEnd: async () => now + certificate,
    now: () => Math.floor(world.time.ms / 1000),
    origin: more.origin ?? origin,
    paths,
    ...(more.method && { method: more.method }),
  };
  if (max === undefined) return validate(probe);
  const wallet = await world.open({ fetch: fetching });
  world.network = direct;
  await wallet.redeem(origin, await world.voucher(), { protocol: 'chain' });
  world.network = network;
  return validate({ ...probe, payer: { wallet, tap, max } });
}

const failed = (checks: readonly Check[]): string[] =>
  checks.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name);
const warned = (checks: readonly Check[]): string[] =>
  checks.filter(({ verdict }) => verdict === 'warn').map(({ name }) => name);

interface Change {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | ((text: string) => string);
}

async function changed(response: Response, { status, headers = {}, body }: Change): Promise<Response> {
  const merged = new Headers(response.headers);
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) merged.delete(name);
    else merged.set(name, value);
  }
  const text = await response.text();
  const content = typeof body === 'function' ? body(text) : (body ?? text);
  const code = status ?? response.status;
  return new Response(code === 204 ? null : content, { status: code, headers: merged });
}

type When = (request: Request, response: Response) => boolean;
const at =
  (path: string): When =>
  ({ url }) =>
    new URL(url).pathname === path;
const is402: When = (_, { status }) => status === 402;
const paidFor: When = (request, response) =>
  response.headers.has('Payment-Receipt') && at('/a')(request, response);

const alter =
  (when: When, change: Change | ((request: Request) => Change)): Network =>
  async (request, deliver) => {
    const response = await deliver();
    if (!when(request, response)) return response;
    return changed(response, typeof change === 'function' ? change(request) : change);
  };

/** One that answers some requests in the place of the vendor. */
const instead =
  (when: (request: Request) => boolean, answer: () => Response): Network =>
  async (request, deliver) =>
    when(request) ? answer() : deliver();

const withAuthorization = (request: Request): string => request.headers.get('Authorization') ?? '';
const challenges =
  (change: (value: string) => string): Network =>
  async (_, deliver) => {
    const response = await deliver();
    const asked = response.headers.get('WWW-Authenticate');
    return asked === null ? response : changed(response, { headers: { 'WWW-Authenticate': change(asked) } });
  };

describe('impuls validate', () => {
  it('finds nothing to mend in a vendor that is right, and pays once where it is told to', async () => {
    const world = await healthy;
    expect(await look({})).toSatisfy((checks: Check[]) => checks.every(({ verdict }) => verdict === 'ok'));
    expect((await world.vendor.totals()).spent).toBe(0);
    const paid = await look({ max: 4 });
    expect(paid.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    expect(paid.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['GET /a payment', 'GET /a replay', 'GET /a conflict', 'GET /a balance']),
    );
    expect((await world.vendor.totals()).spent).toBe(3);
  });

  it('checks what has a body with the example of its description', async () => {
    const world = await createWorld(asking);
    const checks = await look({ world, max: 5 });
    expect(checks.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    expect(checks.map(({ name }) => name)).toContain('POST /ask other body');
    expect((await world.vendor.totals()).spent).toBe(5);
  });

  it.each<[string, string, Network]>([
    [
      'gives no key document',
      'keys',
      instead(
        ({ url }) => url.endsWith('/impuls'),
        () => new Response('', { status: 404 }),
      ),
    ],
    ['does not answer', 'keys', () => Promise.reject(new TypeError('connection refused'))],
    ['gives a page in its place', 'keys', alter(at('/.well-known/impuls'), { body: '<html>' })],
    ['alters the key document', 'keys', alter(at('/.well-known/impuls'), { body: (text) => `${text} ` })],
    [
      'calls it a text',
      'keys',
      alter(at('/.well-known/impuls'), { headers: { 'Content-Type': 'text/plain' } }),
    ],
    [
      'has a clock of its own',
      'time',
      alter(() => true, { headers: { Date: 'Sun, 22 Nov 2026 11:00:00 GMT' } }),
    ],
    ['describes no API', 'openapi', alter(at('/openapi.json'), { body: '{"openapi":"2.0"}' })],
    [
      'describes it as a page',
      'openapi',
      alter(at('/openapi.json'), { headers: { 'Content-Type': 'text/html' } }),
    ],
    [
      'describes another host',
      'openapi',
      alter(at('/openapi.json'), {
        body: (t) => t.replace(`"url":"${origin}"`, '"url":"https://b.example"'),
      }),
    ],
    [
      'describes prices that nobody can read',
      'GET /a description',
      alter(at('/openapi.json'), { body: (t) => t.replaceAll('"amount":"3"', '"amount":3') }),
    ],
    [
      'describes another currency',
      'GET /a description',
      alter(at('/openapi.json'), { body: (t) => t.replaceAll('"currency":"unit"', '"currency":"usd"') }),
    ],
    [
      'does not describe the 402',
      'GET /a description',
      alter(at('/openapi.json'), { body: (t) => t.replaceAll('"402"', '"403"') }),
    ],
    [
      'describes another price',
      'GET /a price',
      alter(at('/openapi.json'), { body: (t) => t.replaceAll('"amount":"3"', '"amount":"2"') }),
    ],
    [
      'describes a challenge of another',
      'GET /a price',
      alter(at('/openapi.json'), {
        body: (t) => t.replaceAll('"realm":"news.example"', '"realm":"b.example"'),
      }),
    ],
    ['answers endpoints itself', 'endpoint state', alter(at('/impuls/state'), { status: 200 })],
    ['fails at an endpoint', 'endpoint issue', alter(at('/impuls/issue'), { status: 500 })],
    [
      'has no body for what is wrong',
      'endpoint order',
      alter(at('/impuls/order'), { body: '', headers: { 'Content-Type': undefined } }),
    ],
    [
      'lets answers of endpoints be kept',
      'endpoint activate',
      alter(at('/impuls/activate'), { headers: { 'Cache-Control': undefined } }),
    ],
    [
      'tells strangers of cards',
      'endpoint state',
      alter((r, { status }) => at('/impuls/state')(r, new Response()) && status === 404, { status: 200 }),
    ],
    ['takes no cards back', 'endpoint credit', alter(at('/impuls/credit'), { status: 404 })],
    [
      'serves without a payment',
      'GET /a 402',
      instead(
        ({ url }) => url.endsWith('/a'),
        () => new Response('free'),
      ),
    ],
    ['asks by another scheme', 'GET /a 402', challenges(() => 'Bearer realm="x"')],
    ['asks by what cannot be read', 'GET /a 402', challenges((value) => value.replace('id="', 'id='))],
    ['drops a challenge', 'GET /a 402', challenges((value) => value.replace(/, Payment .*/, ''))],
    ['asks for another realm', 'GET /a 402', challenges((v) => v.replaceAll('realm="news', 'realm="b'))],
    [
      'asks with what is over',
      'GET /a 402',
      challenges((v) => v.replaceAll(/expires="2026/g, 'expires="2025')),
    ],
    [
      'lets a 402 be kept',
      'GET /a 402 caching',
      alter(is402, { headers: { 'Cache-Control': 'max-age=60' } }),
    ],
    [
      'gives a receipt for nothing',
      'GET /a 402 caching',
      alter(is402, { headers: { 'Payment-Receipt': 'e30' } }),
    ],
    [
      'gives each its own challenge',
      'GET /a challenges',
      challenges((v) => v.replace(/id="[^"]{4}/, `id="${crypto.randomUUID().slice(0, 4)}`)),
    ],
    [
      'fails at credentials',
      'GET /a malformed credentials',
      alter((r) => withAuthorization(r).includes('!!!'), { status: 500 }),
    ],
    [
      'calls them bad requests',
      'GET /a malformed credentials',
      alter((r) => withAuthorization(r) === 'Payment e30', { status: 400 }),
    ],
    [
      'takes other schemes',
      'GET /a malformed credentials',
      alter((r) => withAuthorization(r).startsWith('Bearer'), { status: 200 }),
    ],
    [
      'takes any claim',
      'GET /a without a card',
      alter((r) => withAuthorization(r).length > 500, { status: 200 }),
    ],
    [
      'takes it the second time',
      'GET /a without a card',
      (() => {
        const seen = new Set<string>();
        return alter(
          (r) => {
            const claim = withAuthorization(r);
            if (claim.length < 500 || !r.url.endsWith('/a')) return false;
            return seen.has(claim) || !seen.add(claim);
          },
          { status: 200 },
        );
      })(),
    ],
    [
      'tells strangers a state',
      'GET /a without a card',
      alter((r) => withAuthorization(r).length > 500, { headers: { 'Impuls-State': 'e30' } }),
    ],
    [
      'is not acceptable to some',
      'GET /a Accept-Payment',
      alter((r) => r.headers.has('Accept-Payment'), { status: 406 }),
    ],
    [
      'is for one origin',
      'GET /a CORS',
      alter((r) => r.headers.has('Origin'), {
        headers: { 'Access-Control-Allow-Origin': 'https://b.example' },
      }),
    ],
    [
      'hides headers from pages',
      'GET /a CORS',
      alter((r) => r.headers.has('Origin'), { headers: { 'Access-Control-Expose-Headers': 'Date' } }),
    ],
    ['answers preflights itself', 'GET /a CORS', alter((r) => r.method === 'OPTIONS', { status: 405 })],
    [
      'forgets declared headers',
      'GET /a CORS',
      alter((r) => r.method === 'OPTIONS', {
        headers: {
          'Access-Control-Allow-Headers': 'Authorization, Content-Type, Accept-Payment, Idempotency-Key',
        },
      }),
    ],
  ])('fails one that %s', async (_, name, network) => {
    const checks = await look({ network });
    expect(failed(checks)).toContain(name);
    for (const { verdict, next } of checks) expect(next === undefined).toBe(verdict === 'ok');
  });

  it.each<[string, string, Network]>([
    [
      'sets names for who asks',
      'key caching',
      alter(at('/.well-known/impuls'), { headers: { ETag: '"x"' } }),
    ],
    [
      'has no description',
      'openapi',
      instead(
        ({ url }) => url.endsWith('/openapi.json'),
        () => new Response('', { status: 404 }),
      ),
    ],
    [
      'has nothing for models',
      'llms',
      instead(
        ({ url }) => url.endsWith('/llms.txt'),
        () => new Response('', { status: 404 }),
      ),
    ],
    [
      'lets the description be kept for long',
      'openapi age',
      alter(at('/openapi.json'), { headers: { 'Cache-Control': 'max-age=86400' } }),
    ],
    ['sets a cookie', 'GET /a 402 caching', alter(is402, { headers: { 'Set-Cookie': 'a=b' } })],
    ['has no word for what is wrong', 'GET /a 402 caching', alter(is402, { body: 'pay!' })],
    [
      'leaves pages out',
      'GET /a CORS',
      alter(() => true, { headers: { 'Access-Control-Allow-Origin': undefined } }),
    ],
    [
      'does not see what is accepted',
      'GET /a Accept-Payment',
      async (request, deliver) => {
        if (!request.headers.has('Accept-Payment')) return deliver();
        const response = await (await healthy).fetch(request.url, { method: request.method });
        return response;
      },
    ],
  ])('warns of one that %s', async (_, name, network) => {
    const checks = await look({ network });
    expect(warned(checks)).toContain(name);
  });

  it('wants TLS beyond this machine, and a certificate that holds on', async () => {
    expect(failed(await look({ origin: 'http://news.example' }))).toContain('tls');
    expect(warned(await look({ certificate: 86_400 }))).toEqual(['tls']);
    const network = alter(() => true, {});
    expect(failed(await look({ origin: 'http://127.0.0.1:1', network }))).not.toContain('tls');
  });

  it('asks for an example where a path has a part in braces, and for those that are named', async () => {
    const world = await createWorld({
      '/b/1': { price: 2, listing: { method: 'GET', path: '/b/{id}' }, handler },
    });
    expect(warned(await look({ world }))).toEqual(['GET /b/{id} 402']);
    const named = await look({ world, paths: ['/b/1'], max: 2 });
    expect(failed(named)).toEqual([]);
    expect(named.map(({ name }) => name)).toContain('GET /b/1 replay');
  });

  it('says so where nothing can be paid: too dear, no card, an error of the handler', async () => {
    expect(warned(await look({ max: 2 }))).toEqual(['payment']);
    const world = await createWorld({
      '/a': {
        price: 3,
        listing: { method: 'GET', path: '/a' },
        handler: async () => new Response('', { status: 404 }),
      },
      '/dear': { price: 101, handler },
    });
    expect(warned(await look({ world, max: 3 }))).toEqual(['GET /a payment']);
    const poor = await look({ world, paths: ['/dear'], max: 200 });
    expect(failed(poor)).toEqual(['GET /dear payment']);
  });

  it.each<[string, string, Network]>([
    ['lets paid answers be kept', 'paid answer', alter(paidFor, { headers: { 'Cache-Control': 'public' } })],
    [
      'gives the answer for any address',
      'elsewhere',
      alter((r) => r.url.includes('impuls-validate'), { status: 200 }),
    ],
    [
      'answers a replay without a word',
      'replay',
      replays({ status: 200, headers: { 'Payment-Receipt': undefined } }),
    ],
    ['refuses a replay for good', 'replay', replays({ status: 403 })],
    ['serves a rival', 'conflict', rivals({ status: 200 })],
    ['tells a rival no state', 'conflict', rivals({ headers: { 'Impuls-State': undefined } })],
  ])('fails one that is paid and %s', async (_, name, network) => {
    expect(failed(await look({ network, max: 4 }))).toEqual([`GET /a ${name}`]);
  });
});

/** The second time that a claim which was served comes. */
function replays(change: Change): Network {
  const served = new Set<string>();
  return async (request, deliver) => {
    const claim = withAuthorization(request);
    const again = served.has(claim);
    const response = await deliver();
    if (response.ok && claim !== '') served.add(claim);
    return again && response.ok ? changed(response, change) : response;
  };
}

function rivals(change: Change): Network {
  return alter((_, { status }) => status === 409, change);
}
