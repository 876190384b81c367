import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/support/code-of.js';
import { decodeText, encodeText } from './base64url-text.js';
import { formatReceipt, parseReceipt, type Receipt } from './receipt-header.js';
import { formatExpires } from './time.js';

const sample: Receipt = {
  timestamp: '2026-11-22T15:00:00Z',
  reference: new Uint8Array(12).fill(1),
  verdict: 'accepted',
  units: 3,
  remaining: 988,
  end: 12,
  mac: new Uint8Array(16).fill(2),
};
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

describe('the Payment-Receipt header', () => {
  it('is base64url of JSON', () => {
    expect(decodeText(formatReceipt(sample))).toBe(
      '{"status":"success","method":"impuls","timestamp":"2026-11-22T15:00:00Z","reference":"AQEBAQEBAQEBAQEB",' +
        '"verdict":"accepted","units":3,"remaining":988,"end":12,"mac":"AgICAgICAgICAgICAgICAg"}',
    );
  });

  it('is read as it was written', () => {
    const receipts: fc.Arbitrary<Receipt> = fc.record({
      timestamp: fc.integer({ min: 0, max: 4e9 }).map(formatExpires),
      reference: bytes(12),
      verdict: fc.constantFrom('accepted' as const, 'repeated' as const),
      units: uint32,
      remaining: uint32,
      end: uint32,
      mac: bytes(16),
    });
    fc.assert(
      fc.property(receipts, (receipt) => {
        expect(parseReceipt(formatReceipt(receipt))).toEqual(receipt);
      }),
    );
  });

  it('writes bytes that lie in the middle of others', () => {
    const reference = new Uint8Array(20).fill(1).subarray(4, 16);
    expect(formatReceipt({ ...sample, reference })).toBe(formatReceipt(sample));
  });

  const json = () => JSON.parse(decodeText(formatReceipt(sample))) as Record<string, unknown>;

  it('may say more than is known', () => {
    expect(parseReceipt(encodeText(JSON.stringify({ ...json(), challengeId: 'x' })))).toStrictEqual(sample);
  });

  it.each<[string, unknown]>([
    ['status', 'failed'],
    ['method', 'tempo'],
    ['timestamp', '2026-11-22'],
    ['timestamp', 1_795_359_600],
    ['reference', 'AQEB'],
    ['verdict', 'conflict'],
    ['units', '3'],
    ['units', -1],
    ['remaining', 1.5],
    ['remaining', 2 ** 32],
    ['end', null],
    ['mac', 'AgICAgICAgICAgICAgICAh'],
  ])('is refused where %s is %j, or absent', (name, value) => {
    expect(codeOf(() => parseReceipt(encodeText(JSON.stringify({ ...json(), [name]: value }))))).toBe(
      'malformed',
    );
    expect(codeOf(() => parseReceipt(encodeText(JSON.stringify({ ...json(), [name]: undefined }))))).toBe(
      'malformed',
    );
  });

  it('raises only its own error', () => {
    const header = formatReceipt(sample);
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.jsonValue(),
        fc.nat(header.length),
        (noise, value, at) => {
          codeOf(() => parseReceipt(noise));
          codeOf(() => parseReceipt(encodeText(JSON.stringify(value))));
          codeOf(() => parseReceipt(header.slice(0, at) + noise + header.slice(at)));
        },
      ),
    );
    expect(codeOf(() => parseReceipt(header.repeat(100)))).toBe('malformed');
    for (let at = 0; at < header.length; at++) {
      expect(codeOf(() => parseReceipt(header.slice(0, at)))).toBe('malformed');
    }
  });
});
