// A Cloudflare Worker that sells: prices before its routes, cards and orders in Durable Objects.
import { DurableObject, env, waitUntil } from 'cloudflare:workers';
import { createFetchHandler, createPaidHandler, createVendor } from 'impuls/server';
import { createDurableObjectLedger, createLedgerClass, readVendorFiles } from 'impuls/server/durable-object';

/** Keeps what must survive: an object for each card, and one for orders and books. */
export const Ledger = createLedgerClass(DurableObject, 'LEDGER');

let shop;

async function openShop() {
  const ledger = createDurableObjectLedger(env.LEDGER, { waitUntil });
  const files = { document: env.IMPULS_DOCUMENT, keys: env.IMPULS_KEYS };
  const vendor = createVendor({ ...(await readVendorFiles(files)), ledger, onError: console.error });
  const routes = {
    '/forecast': createPaidHandler(
      vendor.gate({ price: 2, listing: { method: 'GET', path: '/forecast', summary: 'The tides of a day' } }),
      (request, payment) => Response.json({ high: '06:12', low: '12:31', paid: payment.units }),
    ),
  };
  return { vendor, ledger, routes, own: createFetchHandler(vendor) };
}

export default {
  async fetch(request) {
    // Keys are read once, by the first request of each worker.
    shop ??= await openShop();
    const path = new URL(request.url).pathname;
    const info = { source: request.headers.get('cf-connecting-ip') ?? undefined };
    if (path in shop.routes) return shop.routes[path](request, info);
    if (path === '/admin/vouchers' && request.method === 'POST') return createVouchers(request);
    return (await shop.own(request, info)) ?? new Response('not found', { status: 404 });
  },

  /** Once an hour: keys of payments are erased after a day, and what was spent when the key document says so. */
  async scheduled() {
    shop ??= await openShop();
    const now = Math.floor(Date.now() / 1000);
    await shop.ledger.purge(now - 24 * 3600, now - shop.vendor.document.policy.retention);
  },
};

/** Voucher codes for whoever has the token: give them to those who paid you. */
async function createVouchers(request) {
  const [given, wanted] = await Promise.all(
    [request.headers.get('authorization') ?? '', `Bearer ${env.ADMIN_TOKEN}`].map((text) =>
      crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)),
    ),
  );
  if (!crypto.subtle.timingSafeEqual(given, wanted)) return new Response('forbidden', { status: 403 });
  const codes = await shop.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
  return Response.json({ codes });
}
