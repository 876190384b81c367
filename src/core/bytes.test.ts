import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64url, toBase64url } from './base64url.js';
import { concat, equalBytes, equalText, fromUtf8, Reader, toHex, Writer } from './bytes.js';

describe('base64url', () => {
  it('is what the platform writes, and reads back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = toBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(fromBase64url(text)).toEqual(bytes);
        expect(fromBase64url(text, bytes.length)).toEqual(bytes);
      }),
    );
  });

  it('encodes a view as its own bytes', () => {
    expect(toBase64url(Uint8Array.of(1, 2, 3, 4, 5).subarray(1, 4))).toBe('AgME');
  });

  it('refuses padding, other alphabets, spare bits and other lengths', () => {
    for (const text of ['AA==', 'A', 'A+8', 'A/8', 'AB', 'AAB', 'é', 'AA\n', 'ＡＡ']) {
      expect(() => fromBase64url(text)).toThrow(expect.objectContaining({ code: 'malformed' }));
    }
    expect(() => fromBase64url('AAAA', 2)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('raises nothing but its own error, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          expect(toBase64url(fromBase64url(text))).toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ImpulsError', code: 'malformed' });
        }
      }),
    );
  });
});

describe('a reader', () => {
  it('reads what a writer wrote, on a view too, and nothing beyond', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.string({ unit: 'grapheme' }),
        fc.nat(0xffff_ffff),
        (bytes, text, number) => {
          const written = new Writer(1).u8(7).u32(number).field(bytes).text(text).raw(bytes).take();
          const reader = new Reader(
            concat(Uint8Array.of(1), written, Uint8Array.of(2)).subarray(1, written.length + 1),
          );
          expect(reader.u8()).toBe(7);
          expect(reader.u32()).toBe(number);
          expect(reader.field()).toEqual(bytes);
          expect(fromUtf8(reader.field())).toBe(text);
          expect(reader.raw(bytes.length)).toEqual(bytes);
          reader.end();
        },
      ),
    );
  });

  it('refuses to read past the end, or to stop before it', () => {
    const reader = new Reader(Uint8Array.of(0, 0, 0, 9, 1));
    expect(() => reader.field()).toThrow('truncated');
    expect(() => new Reader(Uint8Array.of(1)).end()).toThrow('trailing');
  });

  it('does not change when the bytes that it read from do', () => {
    const bytes = Uint8Array.of(1, 2);
    const read = new Reader(bytes).raw(2);
    bytes[0] = 9;
    expect(read).toEqual(Uint8Array.of(1, 2));
  });
});

describe('comparing', () => {
  it('tells equal from different, bytes and text', () => {
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
    expect(equalText('ab', 'ab')).toBe(true);
    expect(equalText('ab', 'ac')).toBe(false);
    expect(equalText('ab', 'abc')).toBe(false);
  });
});

describe('text', () => {
  it('is UTF-8 or refused', () => {
    expect(() => fromUtf8(Uint8Array.of(0xff))).toThrow(expect.objectContaining({ code: 'malformed' }));
    expect(toHex(Uint8Array.of(0, 255))).toBe('00ff');
  });
});
