import { formatVoucherCode, isImpulsError, parseVoucherCode } from 'impuls';

/** What someone typed, pasted or scanned, as a voucher. */
export type Voucher =
  | { readonly kind: 'empty' }
  /** Too short to be judged. */
  | { readonly kind: 'partial'; readonly missing: number }
  | { readonly kind: 'wrong'; readonly what: string; readonly next: string }
  /** A link to another vendor. */
  | { readonly kind: 'elsewhere'; readonly origin: string; readonly link: string }
  /** @property code as it is printed, in groups */
  | { readonly kind: 'code'; readonly code: string };

const length = 20;

/** @param origin of this vendor */
export function readVoucher(input: string, origin: string): Voucher {
  const text = input.trim();
  if (text === '') return { kind: 'empty' };
  const link = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (link && link.hash.length < 2) {
    return {
      kind: 'wrong',
      what: 'This link holds no code.',
      next: 'Type the code that is printed beside it.',
    };
  }
  const typed = (link ? link.hash.slice(1) : text).replace(/[\s\p{Dash_Punctuation}]/gu, '');
  const strange = /[^0-9A-Za-z]/u.exec(typed)?.[0];
  if (strange) {
    return {
      kind: 'wrong',
      what: `A code has no “${strange}”.`,
      next: 'It is made of letters and digits only.',
    };
  }
  if (typed.length < length) return { kind: 'partial', missing: length - typed.length };
  try {
    const code = formatVoucherCode(parseVoucherCode(typed));
    return link && link.origin !== origin
      ? { kind: 'elsewhere', origin: link.origin, link: `${link.origin}/impuls/wallet/#${code}` }
      : { kind: 'code', code };
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return typed.length > length
      ? {
          kind: 'wrong',
          what: `A code has ${length} characters, this has ${typed.length}.`,
          next: 'Take the rest away.',
        }
      : {
          kind: 'wrong',
          what: 'One character is wrong, or two have changed places.',
          next: 'Compare it with the printed code, group by group.',
        };
  }
}
