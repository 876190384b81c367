import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/support/code-of.js';
import type { JsonValue } from './canonical-json.js';
import { basePathOf, findOperation, readPaidOperations, readPaymentInfo } from './payment-info.js';

const challenge = { id: 'x', realm: 'news.example', method: 'impuls', intent: 'session', request: 'e30' };
const offer = { intent: 'session', method: 'impuls', amount: '3', currency: 'unit', challenge };

describe('readPaymentInfo', () => {
  it('reads several offers, and a single one written without a list', () => {
    const other = {
      intent: 'charge',
      method: 'tempo',
      amount: null,
      description: 'By length.',
      challenge: 7,
    };
    expect(readPaymentInfo({ offers: [offer, other] })).toMatchObject([
      { ...offer, challenge },
      { intent: 'charge', method: 'tempo', amount: null, description: 'By length.', challenge: undefined },
    ]);
    expect(readPaymentInfo(offer)).toEqual(readPaymentInfo({ offers: [offer] }));
  });

  it.each<JsonValue>([
    null,
    [],
    {},
    { offers: [] },
    { offers: offer },
    { offers: [offer], amount: '3' },
    { ...offer, amount: 3 },
    { ...offer, amount: '03' },
    { ...offer, amount: '1.5' },
    { ...offer, amount: '-1' },
    { intent: 'session', method: 'impuls' },
    { method: 'impuls', amount: '3' },
    { intent: 'session', amount: '3' },
    { ...offer, currency: 1 },
    { ...offer, description: {} },
    { ...offer, challenge: 'x' },
    { ...offer, challenge: { ...challenge, realm: undefined as never } },
  ])('refuses %j', (info) => {
    expect(codeOf(() => readPaymentInfo(info))).toBe('malformed');
  });
});

describe('readPaidOperations', () => {
  it('finds what says its price, and leaves out what cannot be read', () => {
    const paths = {
      '/a': { get: { 'x-payment-info': offer }, post: {}, parameters: [], summary: 'a' },
      '/b': { get: { 'x-payment-info': { offers: [] } }, put: { 'x-payment-info': { offers: [offer] } } },
    };
    const found = readPaidOperations({ openapi: '3.1.0', paths });
    expect(found.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /a', 'PUT /b']);
  });

  it('raises only its own error', () => {
    const nested = fc.jsonValue({ maxDepth: 5 }) as fc.Arbitrary<JsonValue>;
    const documents = fc.oneof(
      nested,
      fc.record({ servers: nested, paths: fc.dictionary(fc.string(), nested) }),
      fc.record({
        paths: fc.dictionary(
          fc.constantFrom('/a', '/{b}'),
          fc.dictionary(fc.constantFrom('get', 'post'), fc.record({ 'x-payment-info': nested })),
        ),
      }),
    );
    fc.assert(
      fc.property(documents, (document) => {
        codeOf(() => readPaidOperations(document));
        codeOf(() => basePathOf(document, 'https://news.example'));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the operation of a request', () => {
  const api = ['/a/{id}', '/a/latest', '/{any}/latest', '/files/{name}.txt', '/x/{y}/z'].map((path) => {
    return { method: 'GET', path };
  });
  const find = (pathname: string, method = 'GET'): string | undefined =>
    findOperation(api, method, pathname)?.path;

  it('is the one that is written out the most, from the left', () => {
    expect(find('/a/latest')).toBe('/a/latest');
    expect(find('/a/1')).toBe('/a/{id}');
    expect(find('/b/latest')).toBe('/{any}/latest');
    expect(find('/files/a.txt')).toBe('/files/{name}.txt');
  });

  it('has its method, and a part in braces is some characters but a slash', () => {
    for (const path of ['/a', '/a/', '/a/1/2', '/files/.txt', '/files/a.html', '/x//z', '/', '']) {
      expect(find(path), path).toBeUndefined();
    }
    expect(find('/a/1', 'POST')).toBeUndefined();
  });
});

describe('the base path of an API', () => {
  const origin = 'https://news.example';
  it.each<[JsonValue, string | undefined]>([
    [{}, ''],
    [{ servers: [] }, ''],
    [{ servers: [{ url: '/' }] }, ''],
    [{ servers: [{ url: origin }] }, ''],
    [{ servers: [{ url: `${origin}/v1/` }, { url: 'https://other.example' }] }, '/v1'],
    [{ servers: [{ url: '/v1' }] }, '/v1'],
    [{ servers: [{ url: 'https://other.example' }] }, undefined],
    [{ servers: [{ url: `${origin}.evil.example` }] }, undefined],
    [{ servers: [{ url: '//other.example' }] }, undefined],
    [{ servers: [{ url: '/{version}' }] }, undefined],
    [{ servers: [{}] }, undefined],
  ])('of %j is %j', (document, expected) => {
    expect(basePathOf(document, origin)).toBe(expected);
  });
});
