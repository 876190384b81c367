import { ImpulsError } from '../core/errors.js';
import type { HmacKey } from '../core/hash.js';
import { createVoucherCode } from '../core/voucher-code.js';
import type { BatchTerms, Ledger, StoredOrder } from './ledger.js';
import { orderId } from './vouchers.js';

/** Codes that are printed before they are sold (docs/spec.md §4.1). */

/** Codes that are in the ledger, as their hashes. */
export interface PrintedCodes {
  readonly batch: number;
  /** The serial of the first; the others follow it. */
  readonly first: number;
  /** Ungrouped. Secret: shown this once. */
  readonly codes: readonly string[];
}

/** Codes that go to the ledger at once, and serials that change at once: payments go on in between. */
const codesAtOnce = 4000;
const serialsAtOnce = 10_000;

/**
 * Makes a batch and its codes, which are worth nothing until they are activated. Each share comes when it is durable; who
 * stops early has a batch of fewer codes.
 *
 * @throws ImpulsError `storage-failed`
 */
export async function* printBatch(
  ledger: Pick<Ledger, 'createBatch' | 'addCodes'>,
  voucherKey: HmacKey,
  random: (length: number) => Uint8Array,
  terms: BatchTerms,
  count: number,
): AsyncGenerator<PrintedCodes, void, undefined> {
  const batch = await ledger.createBatch(terms);
  const draw = drawnAhead(random);
  for (let first = 1; first <= count; first += codesAtOnce) {
    const length = Math.min(codesAtOnce, count - first + 1);
    const codes = Array.from({ length }, () => createVoucherCode(draw));
    const ids = codes.map((code) => orderId(voucherKey, code));
    if (!(await ledger.addCodes(batch, first, ids))) {
      throw new ImpulsError('storage-failed', `the ledger does not take codes of batch ${batch}`, {
        hint: 'Somebody else adds to it, or the source of randomness repeats itself. Void the batch and make another.',
      });
    }
    yield { batch, first, codes };
  }
}

const bytesAtOnce = 16_384;

/** A call for randomness costs more than the bytes: many are drawn with one. @returns for lengths below `bytesAtOnce` */
function drawnAhead(random: (length: number) => Uint8Array): (length: number) => Uint8Array {
  let drawn = new Uint8Array(0);
  let used = 0;
  return (length) => {
    if (used + length > drawn.length) {
      drawn = new Uint8Array(random(bytesAtOnce));
      used = 0;
    }
    used += length;
    return drawn.subarray(used - length, used);
  };
}

/**
 * Activates or voids codes by their serials, some at a time: what was done stays done if it stops, and can be done again.
 *
 * @param to at most the highest serial of the batch
 * @param at Unix seconds
 * @returns how many changed
 */
export async function changeCodes(
  ledger: Pick<Ledger, 'changeCodes'>,
  batch: number,
  from: number,
  to: number,
  state: 'active' | 'void',
  at: number,
): Promise<number> {
  let changed = 0;
  for (let first = from; first <= to; first += serialsAtOnce) {
    changed += await ledger.changeCodes(batch, first, Math.min(to, first + serialsAtOnce - 1), state, at);
  }
  return changed;
}

/**
 * The order, if whoever has its code gets anything for it. One that was served is answered again, whatever became of its batch.
 *
 * @param now Unix seconds
 */
export function redeemable(order: StoredOrder | undefined, now: number): StoredOrder | undefined {
  if (!order || order.served) return order;
  const { state, held, code, credit } = order;
  if (state !== 'active' || held || credit?.purpose === 'refund') return undefined;
  return now < (code?.expires ?? Infinity) ? order : undefined;
}
