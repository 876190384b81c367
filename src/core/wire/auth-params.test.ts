import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/support/code-of.js';
import { formatAuthParams, parseChallengeParams } from './auth-params.js';

describe('parseChallengeParams', () => {
  it.each<[string, Record<string, string>[]]>([
    ['', []],
    [' , ,', []],
    ['Payment id="a", realm="b"', [{ id: 'a', realm: 'b' }]],
    ['payment ID=a , Realm = "b"', [{ id: 'a', realm: 'b' }]],
    ['PAYMENT id="a",realm="b",', [{ id: 'a', realm: 'b' }]],
    ['Payment id="a", Payment id="b"', [{ id: 'a' }, { id: 'b' }]],
    ['Basic realm="x", Payment id="a"', [{ id: 'a' }]],
    ['Payment id="a", Basic realm="x", Payment id="b", realm=c', [{ id: 'a' }, { id: 'b', realm: 'c' }]],
    ['Negotiate, Payment id="a"', [{ id: 'a' }]],
    ['Negotiate dGVzdA==, Payment id="a", Bearer', [{ id: 'a' }]],
    ['Negotiate dGVzdA==\t,,\t Payment id="a"', [{ id: 'a' }]],
    ['Basic realm="say \\"Payment id=1\\", Payment id=2"', []],
    ['Payment id="a, Payment id=b"', [{ id: 'a, Payment id=b' }]],
    ['Payment id="a\\"b\\\\c\\d"', [{ id: 'a"b\\cd' }]],
    ['Payment id=""', [{ id: '' }]],
    ['Payment payment="x"', [{ payment: 'x' }]],
    ['Payment', [{}]],
    ['Payment  id=a', [{ id: 'a' }]],
    ['Payments id="a"', []],
    ['Payment id="caf\u00e9"', [{ id: 'caf\u00e9' }]],
    [
      'Payment __proto__="x", constructor="y"',
      [
        Object.fromEntries([
          ['__proto__', 'x'],
          ['constructor', 'y'],
        ]),
      ],
    ],
  ])('reads %j', (header, expected) => {
    const found = parseChallengeParams(header);
    expect(found.map((params) => Object.entries(params))).toEqual(
      expected.map((params) => Object.entries(params)),
    );
  });

  it.each([
    'Payment id="a',
    'Payment id="a\\',
    'Payment id="a" realm="b"',
    'Payment id="a", id="b"',
    'Payment id="a", ID="b"',
    'id="a"',
    '="a"',
    'Payment id="a\u0001"',
    'Payment id="a\n"',
    'Payment id="\u2014"',
    'Payment "a"',
    'Payment id=a b',
    'Payment id="a"b',
    'Payment id=a/b',
    'Payment id=a, "b"',
    'Payment\tid=a',
    'Payment id="a"; realm="b"',
    '\u2014',
  ])('refuses %j', (header) => {
    expect(codeOf(() => parseChallengeParams(header))).toBe('malformed');
  });

  it('refuses a value of more than 16 KiB before it reads it', () => {
    expect(codeOf(() => parseChallengeParams(','.repeat(16_384)))).toBe('none');
    expect(codeOf(() => parseChallengeParams(','.repeat(16_385)))).toBe('malformed');
  });

  it.each([' ', '=', 'a', '\t', ',', '"', '\\', 'a ', 'a=', 'a,', '\\"', 'a b,', 'a b ', 'a=b '])(
    'reads a value full of %j in time',
    (unit) => {
      for (const start of ['', 'Payment ', 'Payment a="', 'Basic a', 'Payment a=b,']) {
        for (const end of ['', '!', '"', '"x', ' x']) {
          codeOf(() => parseChallengeParams((start + unit.repeat(16_384)).slice(0, 16_380) + end));
        }
      }
    },
  );

  it('raises only its own error', () => {
    const pieces = fc.constantFrom(
      'Payment',
      'Basic',
      ' ',
      ', ',
      ',',
      '=',
      '"',
      '\\',
      'id',
      'ID="a"',
      'realm=b',
      'dGVzdA==',
      '\t',
      'é',
    );
    const headers = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 16 }).map((p) => p.join('')),
    );
    fc.assert(
      fc.property(headers, (header) => void codeOf(() => parseChallengeParams(header))),
      { numRuns: 3000 },
    );
  });
});

describe('formatAuthParams', () => {
  const names = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9a-z-]{1,12}$/);
  const values = fc.string({
    unit: fc.constantFrom('a', 'Z', '0', ' ', ',', '=', '"', '\\', ';', '/', '-', '\t'),
  });

  it('writes what parseChallengeParams reads, alone or joined with others', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(names, values, { minKeys: 1 }), { maxLength: 4 }), (challenges) => {
        const header = challenges
          .map((params) => `Basic realm="x", Payment ${formatAuthParams(params)}`)
          .join(', ');
        const found = parseChallengeParams(header).map((params) => Object.entries(params));
        expect(found).toEqual(challenges.map((params) => Object.entries(params)));
      }),
    );
  });

  it('leaves out what is undefined', () => {
    expect(formatAuthParams({ a: 'x"y\\', b: undefined, c: '' })).toBe('a="x\\"y\\\\", c=""');
  });

  it.each([{ 'a b': 'c' }, { '': 'c' }, { a: 'b\r\nSet-Cookie: c' }, { a: '\u2014' }, { a: '\u00e9' }])(
    'refuses %j',
    (params) => {
      expect(codeOf(() => formatAuthParams(params as Record<string, string>))).toBe('invalid-argument');
    },
  );
});
