import { describe, expect, it } from 'vitest';
import { mergeApiDocuments, type ListedOperation } from './api-document.js';

const offers = { offers: [{ intent: 'session', method: 'impuls', amount: '2', currency: 'unit' }] };
const paid = {
  summary: 'Ours',
  responses: { '402': { description: 'Payment Required' } },
  'x-payment-info': offers,
};
const own = JSON.stringify({
  openapi: '3.1.0',
  info: { title: 'News', version: '1' },
  servers: [{ url: 'https://news.example' }],
  'x-service-info': { docs: { llms: '/llms.txt' } },
  paths: { '/v1/{path}': { get: paid }, '/other': { post: paid } },
});

interface Api {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly servers: unknown;
}

function merge(theirs: object, upstream = 'http://127.0.0.1:3000'): Api {
  const routeOf = (method: string, path: string): ListedOperation[] | undefined =>
    method === 'GET' && path.startsWith('/v1/') ? [{ method: 'GET', path: '/v1/{path}' }] : undefined;
  const text = mergeApiDocuments(own, theirs as never, { upstream: new URL(upstream), routeOf });
  return JSON.parse(text) as Api;
}

describe('the description of an API', () => {
  const theirs = {
    openapi: '3.0.3',
    info: { title: 'Their API', version: '7' },
    servers: [{ url: 'http://127.0.0.1:3000' }],
    components: { schemas: { A: { type: 'string' } } },
    paths: {
      '/v1/search': {
        parameters: [{ name: 'q', in: 'query' }],
        get: { summary: 'Searches', responses: { '200': { description: 'Found' } } },
        post: { summary: 'Free' },
      },
      '/health': { get: {} },
    },
  };

  it('keeps what the upstream says, with the price where it has one', () => {
    const merged = merge(theirs);
    expect(merged).toMatchObject({
      openapi: '3.0.3',
      info: { title: 'Their API', version: '7' },
      components: theirs.components,
      'x-service-info': { docs: { llms: '/llms.txt' } },
    });
    expect(merged.paths['/v1/search']).toEqual({
      parameters: [{ name: 'q', in: 'query' }],
      get: {
        summary: 'Searches',
        responses: { '200': { description: 'Found' }, '402': { description: 'Payment Required' } },
        'x-payment-info': offers,
      },
      post: { summary: 'Free' },
    });
    expect(merged.paths['/health']).toEqual({ get: {} });
  });

  it("names the vendor's address and not that of the upstream", () => {
    expect(merge(theirs).servers).toEqual([{ url: 'https://news.example' }]);
  });

  it('keeps of the price list what the upstream does not mention', () => {
    expect(Object.keys(merge(theirs).paths)).toEqual(['/health', '/other', '/v1/search']);
  });

  it('puts before its paths what its server has before them and the proxy does not add', () => {
    const based = { ...theirs, servers: [{ url: '/v1' }], paths: { '/search': { get: {} } } };
    expect(merge(based).paths['/v1/search']!['get']).toMatchObject({ 'x-payment-info': offers });
    expect(merge(based, 'http://127.0.0.1:3000/v1').paths['/search']).toEqual({ get: {} });
  });
});
