import { createVoucherCode, formatVoucherCode } from 'impuls';
import { describe, expect, it } from 'vitest';
import { readVoucher } from './voucher.js';

const origin = 'https://news.example';
let drawn = 10;
const plain = createVoucherCode((length) => Uint8Array.from({ length }, () => (drawn += 7) & 255));
const printed = formatVoucherCode(plain);

describe('what was typed as a voucher', () => {
  it.each([
    plain,
    printed,
    printed.toLowerCase(),
    ` ${printed.replaceAll('-', ' – ')} `,
    `${origin}/impuls/wallet/#${plain}`,
    `${origin}/#${printed}`,
  ])('is the code in %j', (text) => {
    expect(readVoucher(text, origin)).toEqual({ kind: 'code', code: printed });
  });

  it('is not judged before it is whole', () => {
    expect(readVoucher('', origin)).toEqual({ kind: 'empty' });
    expect(readVoucher(plain.slice(0, 13), origin)).toEqual({ kind: 'partial', missing: 7 });
  });

  it('is wrong as soon as its check characters fail', () => {
    const wrong = plain.slice(0, 19) + (plain[19] === '2' ? '3' : '2');
    expect(readVoucher(wrong, origin)).toMatchObject({ kind: 'wrong' });
  });

  it('is wrong where a character cannot be in a code, or there are too many', () => {
    expect(readVoucher('K7Q2M_8', origin)).toMatchObject({ kind: 'wrong', what: 'A code has no “_”.' });
    expect(readVoucher(`${plain}A`, origin)).toMatchObject({ kind: 'wrong', next: 'Take the rest away.' });
    expect(readVoucher(`${origin}/about`, origin)).toMatchObject({ kind: 'wrong' });
  });

  it('of another vendor leads to its own wallet', () => {
    expect(readVoucher(`https://other.example/x#${plain}`, origin)).toEqual({
      kind: 'elsewhere',
      origin: 'https://other.example',
      link: `https://other.example/impuls/wallet/#${printed}`,
    });
  });
});
