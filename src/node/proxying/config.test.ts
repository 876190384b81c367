import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProxyConfig, readProxyConfig, type ConfigOptions } from './config.js';
import { makeProxySchema } from './config-schema.js';
import { locateJson } from './json-lines.js';

const upstream = 'http://127.0.0.1:3000';

function problemsOf(text: string, options?: ConfigOptions): string[] {
  const read = readProxyConfig(text, options);
  return 'problems' in read ? read.problems.map(({ line, what }) => `${line}: ${what}`) : [];
}

const problemsWith = (file: object): string[] =>
  problemsOf(JSON.stringify({ upstream, routes: [], ...file }, null, 1));

describe('a price list', () => {
  it('that says little has the defaults', () => {
    const config = parseProxyConfig(JSON.stringify({ upstream, routes: [{ path: '/a/*', price: 2 }] }));
    expect(config.routes[0]).toMatchObject({
      methods: undefined,
      price: 2,
      charge: 'price',
      name: '/a/*',
      headMs: 300_000,
      idleMs: 300_000,
      upstreamHeaders: [],
    });
    expect(config.rest).toMatchObject({ path: '/*', price: 0 });
    expect(config).toMatchObject({ host: 'upstream', clientAddress: 'tell', openapi: undefined });
  });

  it('is said to be wrong by line and member, all at once', () => {
    const text = `{
  "upstream": "127.0.0.1:3000",
  "routes": [
    { "path": "/a", "price": "three" },
    {
      "path": "b",
      "prize": 3
    }
  ],
  "timeouts": { "headSeconds": 0 }
}`;
    expect(problemsOf(text)).toEqual([
      '2: upstream is an address such as "http://127.0.0.1:3000", without query, user or fragment',
      '4: routes[0].price is a whole number of units, from 0 to 4294967295',
      '6: routes[1].path is a path such as "/search", "/articles/{id}" or "/v1/*": a star stands at the end only',
      expect.stringMatching(/^7: routes\[1\]\.prize is unknown; known are path, method, price, /),
      '10: timeouts.headSeconds is a number of seconds, up to 86400',
    ]);
    expect(() => parseProxyConfig(text, { file: 'proxy.json' })).toThrow(
      /^proxy\.json:2 upstream .* \(and 4 more\)$/,
    );
  });

  it.each([
    [{ routes: [{ path: '/a', price: 1, method: 'get' }] }, /routes\[0\]\.method is a method in capitals/],
    [{ routes: [{ path: '/a', price: 1, method: [] }] }, /routes\[0\]\.method is a method in capitals/],
    [
      { routes: [{ path: '/a', price: 0, charge: 'capture' }] },
      /routes\[0\]\.charge means nothing where the price is 0/,
    ],
    [
      {
        routes: [
          { path: '/*', price: 1 },
          { path: '/a', price: 2 },
        ],
      },
      /routes\[1\] never counts: routes\[0\] before it/,
    ],
    [
      {
        routes: [
          { path: '/a', price: 1 },
          { path: '/A/', price: 2 },
        ],
      },
      /routes\[1\] never counts/,
    ],
    [
      { routes: [{ path: '/a', price: 1, tokens: { input: 1, output: 1 } }] },
      /routes\[0\]\.price means nothing beside tokens/,
    ],
    [
      { routes: [{ path: '/a', tokens: { input: -1, output: 1 } }] },
      /routes\[0\]\.tokens\.input is a number of units/,
    ],
    [{ routes: [{ path: '/a' }] }, /routes\[0\]\.price is missing; it is a whole number/],
    [{ default: 'pay' }, /default is "free", "refuse", or a number of units/],
    [
      { upstreamHeaders: { 'X-Key': '${KEY}' } },
      /upstreamHeaders\.X-Key needs the variable KEY in the environment/,
    ],
    [{ upstreamHeaders: { Connection: 'close' } }, /upstreamHeaders\.Connection is set by the proxy itself/],
    [{ upstreamHeaders: { 'a b': 'c' } }, /upstreamHeaders\.a b is the name of a header/],
    [{ upstream: undefined, routes: [{ path: '/a', price: 1 }] }, /routes\[0\] has no upstream/],
    [{ upstream: 'ftp://a.example' }, /upstream is an address/],
    [{ routes: {} }, /routes is a list of routes/],
    [{ wrong: 1 }, /wrong is unknown; known are \$schema, upstream, /],
  ])('%j is refused', (file, what) => {
    expect(problemsWith(file)).toEqual([expect.stringMatching(what)]);
  });

  it('may have one method priced after another of the same path', () => {
    const routes = [
      { path: '/a', method: 'GET', price: 1 },
      { path: '/a', method: ['GET', 'POST'], price: 2 },
      { path: '/a', price: 3 },
    ];
    expect(problemsWith({ routes })).toEqual([]);
  });

  it('takes secrets from the environment, and a route its own in place of those for all', () => {
    const file = {
      upstream,
      upstreamHeaders: { Authorization: 'Bearer ${KEY}', 'X-All': '1' },
      routes: [{ path: '/a', price: 1, upstreamHeaders: { AUTHORIZATION: 'Basic ${USER_PASSWORD}' } }],
    };
    const env = { KEY: 'k1', USER_PASSWORD: 'p' };
    const config = parseProxyConfig(JSON.stringify(file), { env });
    expect(config.routes[0]!.upstreamHeaders).toEqual([
      ['x-all', '1'],
      ['authorization', 'Basic p'],
    ]);
    expect(config.rest!.upstreamHeaders).toEqual([
      ['authorization', 'Bearer k1'],
      ['x-all', '1'],
    ]);
    expect(problemsOf(JSON.stringify(file), { env: { KEY: 'a\nb', USER_PASSWORD: 'p' } })).toHaveLength(1);
  });

  it('gets its upstream from outside, too', () => {
    const text = JSON.stringify({ routes: [{ path: '/a', price: 1 }] });
    expect(parseProxyConfig(text, { upstream }).routes[0]!.upstream.href).toBe(`${upstream}/`);
  });

  it('has the schema that the package brings for editors', () => {
    const file = readFileSync(new URL('../../../schema/proxy.json', import.meta.url), 'utf8');
    expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(makeProxySchema())));
  });
});

describe('JSON by lines', () => {
  it.each([
    ['{\n "a": 1,\n}', '3: the "," before this has nothing after it'],
    ["{\n 'a': 1 }", "2: here is `'` where a name in double quotes stands"],
    ['{"a" 1}', '1: here is `1` where ":" stands'],
    ['[1\n2]', '2: here is `2` where "," or "]" stands'],
    ['{"a": tru}', '1: here is `t` where a value stands'],
    ['{"a": 01}', '1: here is `0` where a value stands'],
    ['{"a": 1}\n\n}', '3: here is `}` where the file ends'],
    ['', '1: here is the end of the file where a value stands'],
    ['// no\n{}', '1: here is `/` where a value stands'],
    ['{"a":1,\n"a":2}', '2: "a" stands here twice'],
  ])('%j is refused: %s', (text, slip) => {
    expect(problemsOf(text)).toEqual([slip.replace(': ', ': it is no JSON: ')]);
  });

  it('is told apart from what is none, just as `JSON.parse` does', () => {
    const texts = fc.oneof(
      fc.json(),
      fc
        .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '{', ']', '\\', '1'))
        .map(([text, at, put]) => {
          const i = at % (text.length + 1);
          return text.slice(0, i) + put + text.slice(i + 1);
        }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const located = locateJson(text);
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        const isDouble = 'slip' in located && /twice|deep/.test(located.slip.what);
        expect(!('slip' in located) || isDouble).toBe(isJson);
      }),
    );
  });
});
