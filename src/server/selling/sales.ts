import { toBase64url } from '../../core/base64url.js';
import { Writer } from '../../core/bytes.js';
import { ImpulsError } from '../../core/errors.js';
import { HmacKey } from '../../core/hash.js';
import { deriveVoucherCode } from '../../core/voucher-code.js';
import type { VendorKeys } from '../keys.js';
import type { Ledger, OrderItem, StoredOrder } from '../ledger.js';
import { orderId } from '../vouchers.js';

/**
 * Orders that somebody else took money for (docs/adr/0013-sales.md). The code of a sale is derived from a secret and from the
 * name that the seller gave it, so that a sale which is told twice makes one order, its code can be shown again, and nothing
 * leads from a sale to its order but that secret.
 */
export interface Sales {
  /**
   * Makes the order of a sale, once. Durable when it resolves.
   *
   * @throws ImpulsError `order-mismatch` for a sale that was told before with other items
   */
  sell(name: SaleName, items: readonly OrderItem[]): Promise<Sale>;
  read(name: SaleName): Promise<Sale | undefined>;
  /** Holds, frees or voids what was not redeemed. Void is final. @returns what it is then, undefined if there is none */
  change(name: SaleName, state: 'held' | 'free' | 'void'): Promise<Sale | undefined>;
  /** The same by the order's id. */
  changeOrder(order: string, state: 'held' | 'free' | 'void'): Promise<void>;
  /** What an order is, by its id. */
  readOrder(order: string): Promise<Omit<Sale, 'code'> | undefined>;
  /** A keyed hash, base64url: what a record of sales may keep in the place of a name. */
  hash(kind: 'payment' | 'cause', text: string): string;
  /** Runs work on sales one after the other: what tells of a sale, and what tells that it was taken back, come at once. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** The page that puts a code into a wallet. */
  linkOf(code: string): string;
}

/** What a seller calls a sale: names of different channels never meet. */
export interface SaleName {
  readonly channel: 'shop' | 'stripe';
  /** 1 to 255 characters. */
  readonly reference: string;
}

export interface Sale {
  /** Of the order in the ledger: a keyed hash. */
  readonly order: string;
  readonly items: readonly OrderItem[];
  /** What its code is worth: `active`, until it is redeemed; nothing while `held`; nothing ever once `void`. */
  readonly state: 'active' | 'held' | 'void' | 'redeemed';
  /** 20 characters without separators, secret. */
  readonly code: string;
}

export interface SalesOptions {
  /** Of the vendor. */
  readonly origin: string;
  readonly ledger: Pick<Ledger, 'createOrders' | 'readOrder' | 'changeOrders'>;
  readonly keys: Pick<VendorKeys, 'voucher'>;
  /**
   * Of 32 bytes each, secret, the newest first. Codes are derived from the newest; the others find what was sold before.
   * Whoever loses one can neither show the codes of these sales again nor see that one is told twice.
   */
  readonly secrets: readonly Uint8Array[];
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

const maxReference = 255;

export function createSales({ origin, ledger, keys, secrets, clock = Date.now }: SalesOptions): Sales {
  if (secrets.length === 0 || secrets.some(({ length }) => length !== 32)) {
    throw new ImpulsError('invalid-argument', 'sales need one secret of 32 bytes, or several');
  }
  const voucherKey = new HmacKey(keys.voucher);
  const derivers = secrets.map((secret) => new HmacKey(secret));
  let last: Promise<unknown> = Promise.resolve();
  const now = (): number => Math.floor(clock() / 1000);

  function codeOf(deriver: HmacKey, { channel, reference }: SaleName): string {
    if (reference.length === 0 || reference.length > maxReference) {
      throw new ImpulsError('invalid-argument', `the name of a sale has 1 to ${maxReference} characters`);
    }
    const name = new Writer().text('impuls/1 sale').text(channel).text(reference).bytes();
    return deriveVoucherCode(deriver.mac(name, 21));
  }

  async function find(name: SaleName): Promise<Sale | undefined> {
    for (const deriver of derivers) {
      const code = codeOf(deriver, name);
      const id = orderId(voucherKey, code);
      const order = await ledger.readOrder(id);
      if (order) return { order: id, items: order.items, state: stateOf(order), code };
    }
    return undefined;
  }

  return {
    async sell(name, items) {
      const before = await find(name);
      if (before) {
        if (sameItems(before.items, items)) return before;
        throw new ImpulsError('order-mismatch', 'this sale was told before, with other cards', {
          hint: 'Give each sale a name of its own.',
        });
      }
      const code = codeOf(derivers[0]!, name);
      const id = orderId(voucherKey, code);
      await ledger.createOrders([{ id, items }], now());
      // Somebody else may have told of it at the same time.
      return (await find(name)) ?? { order: id, items, state: 'active', code };
    },

    read: find,

    async change(name, state) {
      const sale = await find(name);
      if (!sale) return undefined;
      await ledger.changeOrders([sale.order], state, now());
      return find(name);
    },

    async changeOrder(order, state) {
      await ledger.changeOrders([order], state, now());
    },

    async readOrder(id) {
      const order = await ledger.readOrder(id);
      return order && { order: id, items: order.items, state: stateOf(order) };
    },

    hash(kind, text) {
      return toBase64url(
        voucherKey.mac(new Writer().text('impuls/1 sale record').text(kind).text(text).bytes()),
      );
    },

    inTurn<T>(work: () => Promise<T>): Promise<T> {
      const next = last.then(work);
      last = next.catch(() => {});
      return next;
    },

    linkOf: (code) => `${origin}/impuls/wallet/#${code}`,
  };
}

function stateOf({ state, held, served }: StoredOrder): Sale['state'] {
  if (served) return 'redeemed';
  if (state !== 'active') return 'void';
  return held ? 'held' : 'active';
}

function sameItems(a: readonly OrderItem[], b: readonly OrderItem[]): boolean {
  const counts = (items: readonly OrderItem[]): string => {
    const sums = new Map<number, number>();
    for (const { denomination, count } of items)
      sums.set(denomination, (sums.get(denomination) ?? 0) + count);
    return JSON.stringify([...sums].sort(([one], [other]) => one - other));
  };
  return counts(a) === counts(b);
}
