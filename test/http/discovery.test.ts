import { afterEach, describe, expect, it } from 'vitest';
import { validate } from 'mppx/discovery';
import type { Challenge } from '../../src/core/wire/index.js';
import { activationOf, buyCard, challengesOf, claimOf } from '../support/card.js';
import { hosts, type Host, type TestRoute } from '../support/hosts.js';
import { now } from '../support/vendor.js';

const open: Host[] = [];
afterEach(async () => {
  for (const host of open.splice(0)) await host.close();
});

let time = now * 1000;
const answer: TestRoute['answer'] = () => ({ body: ['text'] });

async function openShop(routes: Readonly<Record<string, TestRoute>>): Promise<Host> {
  // Through Fetch objects: no socket is of interest here.
  const options = { denominations: [100], clock: () => time };
  const host = await hosts.find(({ name }) => name === 'Fetch')!.start(routes, options);
  open.push(host);
  return host;
}

describe('a client that says what it can pay with', () => {
  const intentsFor = async (host: Host, headers: Record<string, string>): Promise<string[]> => {
    const response = await host.request('/a', { headers });
    expect(response.status).toBe(402);
    return challengesOf(response).map(({ method, intent }) => `${method}/${intent}`);
  };

  it('is offered that, whatever it sent besides', async () => {
    const host = await openShop({ '/a': { price: 1, answer } });
    const session = 'impuls/session';
    const charge = 'impuls/charge';
    expect(await intentsFor(host, {})).toEqual([session, charge]);
    expect(await intentsFor(host, { 'accept-payment': charge })).toEqual([charge]);
    const weighed = { 'accept-payment': 'impuls/charge, */*;q=0.1' };
    expect(await intentsFor(host, weighed)).toEqual([charge, session]);
    const garbage = { 'accept-payment': session, authorization: 'Payment garbage' };
    expect(await intentsFor(host, garbage)).toEqual([session]);
    expect(await intentsFor(host, { 'accept-payment': 'tempo/charge' })).toEqual([session, charge]);
  });
});

interface Offer {
  readonly intent: string;
  readonly challenge?: Challenge;
}
type Operation = Readonly<Record<string, unknown>> & { readonly 'x-payment-info': { offers: Offer[] } };
interface Api {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

describe('what a vendor says of its API', () => {
  const readApi = async (host: Host): Promise<Api> =>
    (await (await host.request('/openapi.json')).json()) as Api;

  const shop = () =>
    openShop({
      '/a': {
        price: 3,
        headers: ['X-Edition'],
        listing: { method: 'GET', path: '/a', summary: 'One' },
        answer,
      },
      '/ask': {
        price: 10,
        charge: 'capture',
        listing: {
          method: 'post',
          path: '/{model}/ask',
          operation: {
            tags: ['models'],
            parameters: [{ in: 'path', name: 'model', required: true, example: 'small' }],
            requestBody: { content: { 'application/json': { example: { prompt: 'x' } } } },
            responses: { '404': { description: 'No such model' }, '402': { description: 'ours stands' } },
          },
        },
        answer,
      },
      '/long': {
        price: () => 2,
        listing: { method: 'GET', path: '/long/{id}', pricing: 'a unit for each 1,000 characters' },
        answer,
      },
      '/free-form': { price: () => 2, listing: { method: 'GET', path: '/other' }, answer },
      '/secret': { price: 1, answer },
    });

  it('holds by the schema of others', async () => {
    const host = await shop();
    expect(validate(await readApi(host))).toEqual([]);
  });

  it('names each way to pay, and of a price that is a function what it depends on', async () => {
    const { paths } = await readApi(await shop());
    expect(Object.keys(paths).sort()).toEqual(['/a', '/long/{id}', '/other', '/{model}/ask']);
    const offers = (path: string, method = 'get'): Offer[] => paths[path]![method]!['x-payment-info'].offers;
    const ways = { method: 'impuls', currency: 'unit' };
    expect(offers('/a')).toMatchObject([
      { ...ways, intent: 'session', amount: '3' },
      { ...ways, intent: 'charge', amount: '3' },
    ]);
    expect(offers('/long/{id}')).toEqual([
      { ...ways, intent: 'session', amount: null, description: 'a unit for each 1,000 characters.' },
      { ...ways, intent: 'charge', amount: null, description: 'a unit for each 1,000 characters.' },
    ]);
    expect(offers('/other')[0]).toMatchObject({
      amount: null,
      description: expect.stringContaining('402') as string,
    });
    const most = { amount: '10', description: expect.stringContaining('is returned') as string };
    expect(offers('/{model}/ask', 'post')[0]).toMatchObject(most);
  });

  it('has of an operation what the route says, and the answer 402 in any case', async () => {
    const { paths } = await readApi(await shop());
    expect(paths['/{model}/ask']!['post']).toMatchObject({
      tags: ['models'],
      parameters: [{ in: 'path', name: 'model', required: true, example: 'small' }],
      requestBody: { content: { 'application/json': { example: { prompt: 'x' } } } },
      responses: {
        '200': { description: expect.any(String) as string },
        '404': { description: 'No such model' },
        '402': { description: 'Payment Required' },
      },
    });
    expect(paths['/long/{id}']!['get']).toMatchObject({
      parameters: [{ in: 'path', name: 'id', required: true, schema: { type: 'string' } }],
    });
  });

  it('holds the very challenge that a 402 has in that minute, and it can be paid', async () => {
    const host = await shop();
    const post = (path: string, body: unknown) =>
      host.request(path, { method: 'POST', body: JSON.stringify(body) });
    const { challenge } = (await readApi(host)).paths['/a']!['get']!['x-payment-info'].offers[0]!;
    expect(challenge).toEqual(challengesOf(await host.request('/a'))[0]);
    expect((await readApi(host)).paths['/a']!['get']!['x-payment-info'].offers[1]).not.toHaveProperty(
      'challenge',
    );
    const [code] = await host.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    const hand = await buyCard(post, host.vendor.document, code!, { protocol: 'chain' }, 100);
    await post('/impuls/activate', await activationOf(hand, host.vendor.digest));
    time += 3_500_000;
    const request = { target: '/a', headers: [['x-edition', '']] } as const;
    const claim = claimOf(hand, challenge!, request, { end: 3, units: 3 });
    const paid = await host.request('/a', { headers: { authorization: claim.authorization } });
    expect(paid.status).toBe(200);
    expect(paid.headers.get('payment-receipt')).not.toBeNull();
  });

  it('may be kept for minutes, is the same for everybody, and is told to models in words', async () => {
    const host = await shop();
    const asked = await Promise.all([host.request('/openapi.json'), host.request('/openapi.json')]);
    for (const { headers } of asked) {
      expect(headers.get('cache-control')).toBe('max-age=300');
      expect(headers.get('vary')).toBe('Origin');
      expect(headers.get('etag')).toBeNull();
    }
    expect(await asked[0].text()).toBe(await asked[1].text());
    const words = await (await host.request('/llms.txt')).text();
    expect(words).toContain('- GET /a: 3 units. One\n');
    expect(words).toContain('- POST /{model}/ask: at most 10 units\n');
    expect(words).toContain('- GET /long/{id}: a unit for each 1,000 characters\n');
    expect(words).toContain(`${host.origin}/openapi.json`);
    const keys = await host.request('/.well-known/impuls');
    expect(keys.headers.get('cache-control')).toBe('no-cache');
  });
});
