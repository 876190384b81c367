import fc from 'fast-check';
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isImpulsError } from './errors.js';
import { createVoucherCode, formatVoucherCode, parseVoucherCode } from './voucher-code.js';

const random = (length: number) => new Uint8Array(randomBytes(length));
const refused = (input: string) => {
  try {
    parseVoucherCode(input);
  } catch (error) {
    return isImpulsError(error, 'malformed') ? error : undefined;
  }
  return undefined;
};
/** Draws 0, 1, 2 … */
const counting = () => {
  let next = 0;
  return (length: number) => Uint8Array.from({ length }, () => next++);
};
const code = createVoucherCode(counting());

describe('a voucher code', () => {
  it('is 18 drawn characters, the first a letter, and the first 10 bits of their hash', () => {
    expect(code.slice(0, 18)).toBe('H0123456789ABCDEFG');
    const digest = createHash('sha256')
      .update(`impuls/1 voucher${code.slice(0, 18)}`)
      .digest();
    const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    const bits = digest.readUInt16BE(0) >> 6;
    expect(code.slice(18)).toBe(alphabet[bits >> 5]! + alphabet[bits & 31]!);
  });

  it('is read as it was made and as it is printed', () => {
    for (let i = 0; i < 200; i++) {
      const made = createVoucherCode(random);
      expect(made).toMatch(/^[A-HJKMNP-TV-Z][0-9A-HJKMNP-TV-Z]{19}$/);
      expect(formatVoucherCode(made)).toMatch(/^([0-9A-Z]{5}-){3}[0-9A-Z]{5}$/);
      expect(parseVoucherCode(made)).toBe(made);
      expect(parseVoucherCode(formatVoucherCode(made))).toBe(made);
    }
  });

  it('is read in any case, with spaces, dashes of any kind and line ends', () => {
    const printed = formatVoucherCode(code);
    for (const input of [
      printed.toLowerCase(),
      ` ${printed}\n`,
      printed.replaceAll('-', ' – '),
      printed.replaceAll('-', '\u2011'),
      printed.replaceAll('-', '\u00a0'),
      code.replaceAll(/./g, '$&-'),
    ]) {
      expect(parseVoucherCode(input)).toBe(code);
    }
  });

  it('is read with O for 0, and I or L for 1', () => {
    expect(code.slice(1, 3)).toBe('01');
    for (const [zero, one] of ['OI', 'oL', 'ol', '0i'] as const) {
      expect(parseVoucherCode(code[0]! + zero! + one! + code.slice(3))).toBe(code);
    }
  });

  it('is read from a link whose fragment it is', () => {
    const printed = formatVoucherCode(code);
    expect(parseVoucherCode(`https://news.example/redeem#${printed}`)).toBe(code);
    expect(parseVoucherCode(`#${printed}`)).toBe(code);
    expect(refused('https://news.example/redeem')).toBeDefined();
    expect(refused(`https://news.example/${printed}`)).toBeDefined();
  });

  it('with one character changed is called mistyped', () => {
    for (let at = 0; at < code.length; at++) {
      const changed = code.slice(0, at) + (code[at] === 'Z' ? 'Y' : 'Z') + code.slice(at + 1);
      expect(refused(changed)?.message).toContain('mistyped');
      expect(refused(changed)?.hint).toContain('one character is wrong');
    }
  });

  it('with two neighbouring characters swapped is called mistyped', () => {
    for (let at = 0; at + 1 < code.length; at++) {
      if (code[at] === code[at + 1]) continue;
      const changed = code.slice(0, at) + code[at + 1]! + code[at]! + code.slice(at + 2);
      expect(refused(changed)?.message).toContain('mistyped');
    }
  });

  it('that begins with a digit, holds a U or has another length is refused', () => {
    const body = `1${code.slice(1, 18)}`;
    const digest = createHash('sha256').update(`impuls/1 voucher${body}`).digest().readUInt16BE(0) >> 6;
    const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    const withDigit = body + alphabet[digest >> 5]! + alphabet[digest & 31]!;
    for (const bad of [
      withDigit,
      `U${code.slice(1)}`,
      code.slice(1),
      `${code}0`,
      '',
      '#',
      'K'.repeat(5000),
    ]) {
      expect(refused(bad)).toBeDefined();
    }
  });

  it('of any text raises only ImpulsError, and nothing of the text is in the message', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(refused(text)).toBeDefined();
      }),
    );
    const error = refused(`${code.slice(0, 19)}${code[19] === '0' ? '1' : '0'}`);
    expect(error?.message).not.toContain(code.slice(0, 8));
  });

  it('is not made from a source of randomness that repeats itself', () => {
    expect(() => createVoucherCode((length) => new Uint8Array(length))).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});
