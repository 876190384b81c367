import { join } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import { readSales, type SalesSettings } from '../../node/selling/sales-file.js';
import { openSaleRecords } from '../../node/selling/sale-records.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import { vendorFiles } from '../../node/vendor/store.js';
import type { Call, Ledger, Reply, Vendor } from '../../server/index.js';
import { createPayments, type Payments } from '../../server/selling/payments.js';
import type { SaleRecords } from '../../server/selling/sale-records.js';
import { createSales, type Sale, type Sales } from '../../server/selling/sales.js';
import { createShopApi } from '../../server/selling/shop-api.js';

/** What a vendor folder sells through others. It is loaded only where `sales.json` says that something is. */

/** Orders that were sold, for whoever runs the vendor. */
export interface SalesBook {
  /**
   * Looks for a sale, and holds, frees or voids it.
   *
   * @param name of a session or a payment of Stripe, `cs_…` or `pi_…`, or the reference of a shop
   */
  order(name: string, state?: 'held' | 'free' | 'void'): Promise<FoundSale | undefined>;
  close(): Promise<void>;
}

export type FoundSale = Pick<Sale, 'items' | 'state'>;

/** The same for a server. */
export interface SalesDesk extends SalesBook {
  answer(call: Call): Promise<Reply | undefined>;
  /** Forgets what is not needed any more. */
  upkeep(): Promise<void>;
  /** Works with `sales.json` as it is now. */
  reload(): Promise<void>;
}

interface Book {
  readonly settings: SalesSettings;
  readonly sales: Sales;
  readonly payments: Payments;
}

export async function openSalesBook(folder: VendorFolder, ledger: Ledger): Promise<SalesBook> {
  const settings = await expectSales(folder.path);
  const records = await openSaleRecords(join(folder.path, vendorFiles.saleRecords));
  const book = createBook(folder, ledger, records, settings);
  return { order: (name, state) => findSale(book, name, state), close: () => records.close() };
}

/** @throws ImpulsError `invalid-argument` where nothing is set up, and as `readSales` */
export async function openSalesDesk(
  folder: VendorFolder,
  vendor: Vendor,
  ledger: Ledger,
  onError: (error: unknown) => void,
): Promise<SalesDesk> {
  const records = await openSaleRecords(join(folder.path, vendorFiles.saleRecords));

  async function load(): Promise<Served> {
    const settings = await expectSales(folder.path);
    const book = createBook(folder, ledger, records, settings);
    const tokens = settings.tokens.map(({ hash }) => hash);
    const shop = createShopApi({ sales: book.sales, tokens, document: () => vendor.document, onError });
    if (settings.stripe.length === 0) return { ...book, answerers: [shop] };
    const { createStripeSales } = await loadStripe();
    const stripe = createStripeSales({
      sales: book.sales,
      records,
      name: vendor.document.name,
      mode: folder.settings.mode,
      webhookSecrets: settings.stripe,
      products: settings.products,
      onError,
    });
    return { ...book, answerers: [shop, (call) => stripe.answer(call)] };
  }

  let current = await load().catch(async (error: unknown) => {
    await records.close();
    throw error;
  });
  return {
    async answer(call) {
      for (const answer of current.answerers) {
        const reply = await answer(call);
        if (reply) return reply;
      }
      return undefined;
    },
    order: (name, state) => findSale(current, name, state),
    upkeep: () => current.payments.forget(),
    async reload() {
      current = await load();
    },
    close: () => records.close(),
  };
}

interface Served extends Book {
  readonly answerers: ReadonlyArray<(call: Call) => Promise<Reply | undefined>>;
}

function createBook(
  { document, keys }: VendorFolder,
  ledger: Ledger,
  records: SaleRecords,
  settings: SalesSettings,
): Book {
  const sales = createSales({ origin: document.origin, ledger, keys, secrets: settings.secrets });
  return { settings, sales, payments: createPayments(sales, records) };
}

async function findSale(
  { sales, payments }: Book,
  name: string,
  state?: 'held' | 'free' | 'void',
): Promise<FoundSale | undefined> {
  const order = await orderOf({ sales, payments }, name);
  if (order === undefined) return undefined;
  if (state !== undefined) await payments.decide(order, state);
  const found = await sales.readOrder(order);
  return found && { items: found.items, state: found.state };
}

async function orderOf(
  { sales, payments }: Pick<Book, 'sales' | 'payments'>,
  name: string,
): Promise<string | undefined> {
  if (name.startsWith('pi_')) return payments.orderOf(name);
  const channel = /^cs_(?:test|live)_/.test(name) ? 'stripe' : 'shop';
  return (await sales.read({ channel, reference: name }))?.order;
}

async function expectSales(folder: string): Promise<SalesSettings> {
  const settings = await readSales(folder);
  if (settings) return settings;
  throw new ImpulsError('invalid-argument', 'no sales are set up here', {
    hint: 'Begin with `impuls sales token <name>` for a shop of your own, or `impuls sales stripe`.',
  });
}

async function loadStripe(): Promise<typeof import('../../node/selling/stripe.js')> {
  try {
    return await import('../../node/selling/stripe.js');
  } catch (cause) {
    throw new ImpulsError('storage-failed', 'sales by Stripe need the package stripe', {
      hint: 'Run npm install stripe, or `impuls sales stripe --remove`.',
      cause,
    });
  }
}
