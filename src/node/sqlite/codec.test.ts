import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isImpulsError } from '../../core/errors.js';
import {
  decodeItems,
  decodeList,
  decodeReply,
  decodeState,
  encodeItems,
  encodeList,
  encodeReply,
  encodeState,
} from './codec.js';

const u32 = fc.nat(0xffff_ffff);
const bytes = fc.uint8Array({ maxLength: 80 });
const gap = fc.record({ from: u32, to: u32, value: fc.uint8Array({ minLength: 32, maxLength: 32 }) });
const state = fc.record({
  units: u32,
  spent: u32,
  top: u32,
  tip: bytes,
  gaps: fc.array(gap, { maxLength: 5 }),
});
const text = fc.string({ unit: 'grapheme' });
const header = fc.tuple(text, text);
const reply = fc.record({ status: u32, headers: fc.array(header, { maxLength: 4 }), body: bytes });
const items = fc.array(fc.record({ denomination: u32, count: u32 }), { maxLength: 5 });

const codecs: [
  string,
  fc.Arbitrary<unknown>,
  (value: never) => Uint8Array,
  (bytes: Uint8Array) => unknown,
][] = [
  ['state', state, encodeState, decodeState],
  ['reply', reply, encodeReply, decodeReply],
  ['items', items, encodeItems, decodeItems],
  ['list', fc.array(bytes, { maxLength: 4 }), encodeList, decodeList],
];

describe.each(codecs)('the %s that the SQLite ledger keeps', (_, values, encode, decode) => {
  it('is read back as it was written, also from a view into more bytes', () => {
    fc.assert(
      fc.property(values, (value) => {
        const encoded = encode(value as never);
        expect(decode(encoded)).toEqual(value);
        const buffer = Buffer.concat([Buffer.from([1, 2, 3]), encoded, Buffer.from([4])]);
        expect(decode(buffer.subarray(3, -1))).toEqual(value);
      }),
    );
  });

  it('is refused when it is cut short or goes on', () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, cut) => {
        const encoded = encode(value as never);
        expect(() => decode(encoded.subarray(0, cut % encoded.length))).toThrow();
        expect(() => decode(Uint8Array.of(...encoded, 0))).toThrow('trailing');
      }),
    );
  });

  it('raises only malformed for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (any) => {
        try {
          decode(any);
        } catch (error) {
          expect(isImpulsError(error, 'malformed')).toBe(true);
        }
      }),
    );
  });
});
