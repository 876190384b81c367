import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from './bytes.js';
import { decodeCredit, encodeCredit } from './credit.js';
import { isImpulsError } from './errors.js';
import { createVoucherCode, formatVoucherCode } from './voucher-code.js';

const order = createVoucherCode((length) => new Uint8Array(randomBytes(length)));

function refusal(content: unknown): unknown {
  try {
    decodeCredit(utf8(typeof content === 'string' ? content : JSON.stringify(content)));
    return undefined;
  } catch (error) {
    return isImpulsError(error) && error.code;
  }
}

describe('where the units of a claim go', () => {
  it('is an order and a purpose, in canonical JSON', () => {
    for (const purpose of ['exchange', 'refund'] as const) {
      const bytes = encodeCredit({ order, purpose });
      expect(fromUtf8(bytes)).toBe(`{"order":"${order}","purpose":"${purpose}"}`);
      expect(decodeCredit(bytes)).toEqual({ order, purpose });
    }
  });

  it('is refused with another purpose, or an order that is no code as it is kept', () => {
    expect(refusal({ order, purpose: 'gift' })).toBe('malformed');
    expect(refusal({ order })).toBe('malformed');
    expect(refusal({ order: formatVoucherCode(order), purpose: 'refund' })).toBe('malformed');
    expect(refusal({ order: order.toLowerCase(), purpose: 'refund' })).toBe('malformed');
    expect(refusal({ order: 7, purpose: 'refund' })).toBe('malformed');
    expect(refusal(`{"order":"${order}","order":"${order}","purpose":"refund"}`)).toBe('malformed');
    expect(refusal('[]')).toBe('malformed');
  });

  it('raises nothing but an ImpulsError for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeCredit(bytes);
        } catch (error) {
          expect(isImpulsError(error)).toBe(true);
        }
      }),
    );
  });
});
