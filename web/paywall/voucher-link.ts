import { parseVoucherCode } from 'impuls';

/** A code that came with the link of the page, `#CODE`. It leaves the address at once, so that it is in no bookmark and no history. */
let taken: string | undefined;

/** To be called before anything else reads the address. */
export function takeVoucher(
  { hash, pathname, search }: Pick<Location, 'hash' | 'pathname' | 'search'>,
  history: Pick<History, 'replaceState'>,
): void {
  try {
    taken = parseVoucherCode(hash);
  } catch {
    // An ordinary fragment.
    return;
  }
  history.replaceState(null, '', pathname + search);
}

/** The code, for the first who asks. */
export function claimVoucher(): string | undefined {
  const code = taken;
  taken = undefined;
  return code;
}
