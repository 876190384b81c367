import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/support/code-of.js';
import { isImpulsError } from '../errors.js';
import { canonicalJson, parseJson, type JsonValue } from './canonical-json.js';

function double(hex: string): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(`0x${hex}`));
  return view.getFloat64(0);
}

describe('canonicalJson', () => {
  it.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('writes the number %s of RFC 8785 Appendix B as %s', (hex, text) => {
    expect(canonicalJson(double(hex))).toBe(text);
  });

  it('sorts names by UTF-16 code units, as RFC 8785 §3.2.3 shows', () => {
    const names = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
    const sorted = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'];
    const text = canonicalJson(Object.fromEntries(names.map((name, i) => [name, i])));
    expect(text).toBe(
      `{${sorted.map((name) => `${JSON.stringify(name)}:${names.indexOf(name)}`).join(',')}}`,
    );
  });

  it('writes the sample of RFC 8785 §3.2.2', () => {
    const text = `{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`;
    expect(canonicalJson(parseJson(text))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it.each([
    ['NaN', NaN],
    ['an infinity', -Infinity],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a name', { '\udc00': 1 }],
    ['undefined', { a: undefined as never }],
    ['a bigint', 1n as never],
  ])('refuses %s', (_, value) => {
    expect(codeOf(() => canonicalJson(value as JsonValue))).toBe('invalid-argument');
  });

  it('refuses a value that contains itself', () => {
    const value: JsonValue[] = [];
    value.push(value);
    expect(codeOf(() => canonicalJson(value))).toBe('invalid-argument');
  });

  it('is one text for one value, whatever the order of its members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.integer()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
      }),
    );
  });
});

describe('parseJson', () => {
  it('gives back every value that canonicalJson wrote, __proto__ included', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 8 }), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as JsonValue;
        const text = canonicalJson(plain);
        expect(parseJson(text)).toEqual(plain);
        expect(canonicalJson(parseJson(text))).toBe(text);
        expect(parseJson(JSON.stringify(plain, null, '\t'))).toEqual(plain);
      }),
    );
    expect(Object.keys(parseJson('{"__proto__":{"a":1},"b":2}') as object)).toEqual(['__proto__', 'b']);
  });

  it.each([
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"a" : {"b":[{"c":1 , "d":2,\n"c":3}]}}',
    '[[{"__proto__":1,"__proto__":{}}]]',
    '{"":1,"":2}',
    '{"a\\\\":1,"a\\\\":2}',
    '{"a\\"":{},"a\\"":{}}',
    '{"1":0,"1":0}',
    '{"a":{"x":1,"y":2},"a":0}',
  ])('refuses a member named twice: %s', (text) => {
    expect(codeOf(() => parseJson(text))).toBe('malformed');
  });

  it.each([
    '{"a":{"a":1},"b":{"a":1}}',
    '{"a":"x:y,\\"a\\":1"}',
    '{"a\\\\":"\\\\","a":"\\\\\\""}',
    '{":":":","::":[":",{"a":":"}]}',
    '"a:b"',
    '[1,2,3]',
    ' {"a" :\t1 , "b"\r\n: 2} ',
    '"\\ud83d\\ude00"',
  ])('takes %s', (text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it('refuses a member named twice anywhere in any value', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 4 }),
        fc.string(),
        fc.jsonValue({ maxDepth: 2 }),
        (around, name, value) => {
          const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
          const text = JSON.stringify([around, '@', around]).replace('"@"', () => `{${member},${member}}`);
          fc.pre(text.includes(`{${member},${member}}`));
          expect(codeOf(() => parseJson(text))).toBe('malformed');
        },
      ),
    );
  });

  it('takes 32 levels and refuses 33', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(codeOf(() => parseJson(nested(32)))).toBe('none');
    expect(codeOf(() => parseJson(nested(33)))).toBe('malformed');
    expect(codeOf(() => parseJson(nested(100_000)))).toBe('malformed');
    expect(codeOf(() => canonicalJson(JSON.parse(nested(32)) as JsonValue))).toBe('none');
    expect(codeOf(() => canonicalJson(JSON.parse(nested(33)) as JsonValue))).toBe('invalid-argument');
  });

  it.each([
    '1e400',
    '"\\ud800"',
    '"\ud800"',
    '{"\\uDC00":1}',
    '["a",["\\udead"]]',
    '',
    '{',
    'NaN',
    '\ufeff1',
  ])('refuses what is not I-JSON: %j', (text) => {
    expect(codeOf(() => parseJson(text))).toBe('malformed');
  });

  it('does not quote what it refuses', () => {
    const secret = 'K7Q2M-secret';
    try {
      parseJson(`{"order":"${secret}",}`);
    } catch (error) {
      expect(isImpulsError(error, 'malformed')).toBe(true);
      expect(String(error) + String((error as Error).cause)).not.toContain('secret');
    }
    expect.assertions(2);
  });

  it('raises only its own error, and its values are always canonical', () => {
    const fragments = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      'a',
      '1',
      '\\u',
      'd800',
      ' ',
      '"a":',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fragments, { maxLength: 30 }).map((f) => f.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        if (codeOf(() => parseJson(text)) === 'none') canonicalJson(parseJson(text));
      }),
      { numRuns: 2000 },
    );
  });
});
