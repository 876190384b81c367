import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64url, toBase64url } from '../base64url.js';
import { fromUtf8, utf8 } from '../bytes.js';
import { ImpulsError } from '../errors.js';
import { decodeText, encodeText } from './base64url-text.js';

/** The text, or the code of the error. */
function outcome(run: () => string): string {
  try {
    return `text ${run()}`;
  } catch (error) {
    if (error instanceof ImpulsError) return `error ${error.code}`;
    throw error;
  }
}

describe('base64url of text', () => {
  it('is that of its UTF-8 bytes', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary-ascii' }));
    fc.assert(
      fc.property(texts, (text) => {
        const encoded = encodeText(text);
        expect(encoded).toBe(toBase64url(utf8(text)));
        expect(decodeText(encoded)).toBe(text);
      }),
    );
  });

  it('does not depend on the length, around the one that is decoded at once', () => {
    for (const length of [8190, 8191, 8192, 8193, 20_000]) {
      for (const end of ['', 'é', '€', '😀']) {
        const text = '~'.repeat(length - end.length) + end;
        expect(encodeText(text)).toBe(toBase64url(utf8(text)));
        expect(decodeText(encodeText(text))).toBe(text);
      }
    }
  });

  it('decodes exactly what the strict decoder of bytes takes', () => {
    const some = (alphabet: string, maxLength: number) =>
      fc.string({ unit: fc.constantFrom(...Array.from(alphabet)), maxLength });
    const encoded = fc.oneof(
      some('AQgwEz09-_+/= \n\t\0é€', 12),
      some('AQgwEIMUYckosz0489-_', 9),
      fc.uint8Array({ maxLength: 20 }).map(toBase64url),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(encoded, (text) => {
        expect(outcome(() => decodeText(text))).toBe(outcome(() => fromUtf8(fromBase64url(text))));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    'QQ==',
    'QQ=',
    'Q',
    'QR',
    'QUF',
    ' QUFB',
    'QU FB',
    'QUFB\n',
    '++++',
    '//8',
    'QUE=',
    'QUFBQ',
    '/w',
    '_w',
  ])('refuses %j', (text) => {
    expect(outcome(() => decodeText(text))).toBe('error malformed');
  });
});
