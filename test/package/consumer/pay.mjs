import assert from 'node:assert/strict';
import { deriveCard } from 'impuls';
import { createMemoryStorage, createPayingFetch, openWallet, paymentOf } from 'impuls/client';
import { createFetchHandler, createMemoryLedger, createPaidHandler, createVendor } from 'impuls/server';
import { createKeys } from './vendor.mjs';

/** A card is derived; then a voucher is turned into cards, blindly, and a request is paid with one of them. */

const card = deriveCard(new Uint8Array(32), { protocol: 'chain' }, 100);
assert.equal(card.id.length, 22);

const origin = 'https://news.example';
const vendor = createVendor({ ...(await createKeys(origin, 100)), ledger: createMemoryLedger() });
const own = createFetchHandler(vendor);
const article = createPaidHandler(vendor.gate({ price: 3 }), () => new Response('worth it'));

const wallet = await openWallet({
  storage: createMemoryStorage(),
  async fetch(input, init) {
    const request = new Request(input, init);
    const isPaid = new URL(request.url).pathname === '/article';
    return isPaid ? article(request) : ((await own(request)) ?? new Response(null, { status: 404 }));
  },
});

for (const protocol of ['chain', 'stream']) {
  const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
  const [bought] = await wallet.redeem(origin, code, { protocol });
  assert.equal(bought.left, 100);
  const pay = createPayingFetch({ wallet, protocol, limits: { perRequest: 5, total: 50 } });
  const response = await pay(`${origin}/article`);
  assert.equal(response.status, 200);
  assert.equal(await response.text(), 'worth it');
  assert.equal(paymentOf(response).units, 3);
}

assert.deepEqual(
  wallet.cards().map(({ left }) => left),
  [97, 97],
);
assert.equal((await vendor.totals()).claims.pending, 2);
await wallet.close();
console.log('paid');
