import { describe, expect, it } from 'vitest';
import { toBase64url } from '../../src/core/base64url.js';
import { toHex } from '../../src/core/bytes.js';
import { sha256 } from '../../src/core/hash.js';
import { formatKeyDocument, parseKeyDocument } from '../../src/core/key-document.js';
import { createTestKeys } from '../support/vendor.js';

/** Bytes in the middle of a buffer are read as those bytes, and not as the beginning of it. */

function inTheMiddle(bytes: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 48).fill(0xa5);
  buffer.set(bytes, 17);
  return buffer.subarray(17, 17 + bytes.length);
}

describe('bytes in the middle of a buffer', () => {
  it('are a key document as they are by themselves', async () => {
    const { document } = await createTestKeys('https://news.example', [100]);
    const bytes = formatKeyDocument(document);
    const read = parseKeyDocument(inTheMiddle(bytes));
    expect(read.document).toEqual(parseKeyDocument(bytes).document);
    expect(toHex(read.digest)).toBe(toHex(sha256(bytes)));
  });

  it('are hashed and written as they are by themselves', () => {
    const bytes = Uint8Array.from({ length: 99 }, (_, i) => i);
    expect(toHex(sha256(inTheMiddle(bytes)))).toBe(toHex(sha256(bytes)));
    expect(toBase64url(inTheMiddle(bytes))).toBe(toBase64url(bytes));
  });
});
