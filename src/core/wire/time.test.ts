import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ImpulsError, isImpulsError } from '../errors.js';
import { formatExpires, parseExpires } from './time.js';

describe('times on the wire', () => {
  it('are RFC 3339 in UTC, in whole seconds', () => {
    expect(formatExpires(0)).toBe('1970-01-01T00:00:00Z');
    expect(formatExpires(1_795_359_600)).toBe('2026-11-22T15:00:00Z');
    expect(parseExpires('2024-02-29T23:59:59Z')).toBe(Date.UTC(2024, 1, 29, 23, 59, 59) / 1000);
    expect(parseExpires('2026-11-22T15:00:00.999999999Z')).toBe(1_795_359_600);
    expect(parseExpires('9999-12-31T23:59:59Z')).toBe(253_402_300_799);
  });

  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        expect(parseExpires(formatExpires(seconds))).toBe(seconds);
      }),
    );
  });

  it.each([
    '',
    '2026-11-22',
    '2026-11-22T15:00Z',
    '2026-11-22T15:00:00',
    '2026-11-22T15:00:00+00:00',
    '2026-11-22t15:00:00z',
    '2026-11-22 15:00:00Z',
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-22T24:00:00Z',
    '2016-12-31T23:59:60Z',
    '1969-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    '2026-11-22T15:00:00.Z',
    '2026-11-22T15:00:00Z\n',
    '+002026-11-22T15:00:00Z',
  ])('are refused when they are not: %j', (text) => {
    expect(() => parseExpires(text)).toThrow(ImpulsError);
  });

  it.each([-1, 0.5, NaN, 253_402_300_800])('are not written for %d', (seconds) => {
    expect(() => formatExpires(seconds)).toThrow(ImpulsError);
  });

  it('raise only their own error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          parseExpires(text);
        } catch (error) {
          expect(isImpulsError(error, 'malformed')).toBe(true);
        }
      }),
    );
  });
});
