// An API on Hono: a price for a route, a price by the request, and units back where the answer is an error.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { endpoints, paid } from 'impuls/server/hono';
import { openVendor } from 'impuls/server/node';

const port = Number(process.env.PORT ?? 4125);
const origin = `http://127.0.0.1:${port}`;
const { vendor, close } = await openVendor('shop', {
  create: { origin, name: 'Tides', denominations: [100] },
  onError: console.error,
});

/** Metres over chart datum, for a moon and a sun. */
const height = (hours) => 2.4 + 1.7 * Math.cos(hours / 1.977 - 1) + 0.5 * Math.cos(hours / 1.91 - 2);

const app = new Hono();
app.use(endpoints(vendor));

const day = { in: 'path', name: 'day', required: true, schema: { type: 'string' }, example: '2027-03-01' };
const listing = {
  method: 'GET',
  path: '/tides/{day}',
  summary: 'The height of the water, hour by hour',
  operation: { parameters: [day] },
};
app.get('/tides/:day', paid(vendor, { price: 2, listing }), (c) => {
  const start = Date.parse(`${c.req.param('day')}T00:00Z`) / 3_600_000;
  // 400 and above costs nothing.
  if (Number.isNaN(start)) return c.json({ error: 'a day is written 2027-03-01' }, 400);
  return c.json({ metres: Array.from({ length: 24 }, (_, hour) => Number(height(start + hour).toFixed(2))) });
});

/** One unit for each moment. The gate reads the body for the price, and the handler reads it as always. */
async function priceOfMoments(call) {
  const moments = JSON.parse(new TextDecoder().decode(await call.body(10_000)) || '[]');
  return Math.max(1, moments.length);
}
app.post('/moments', paid(vendor, { price: priceOfMoments }), async (c) => {
  const moments = await c.req.json();
  const metres = moments.map((moment) => Number(height(Date.parse(moment) / 3_600_000).toFixed(2)));
  return c.json({ metres, paid: c.get('payment').units });
});

const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, () => {
  console.log(`A voucher for 100 units: ${code}

  impuls redeem ${origin} ${code}
  impuls fetch --max 2 ${origin}/tides/2027-03-01`);
});
process.once('SIGTERM', stop).once('SIGINT', stop);
function stop() {
  server.close(() => void close());
  server.closeIdleConnections();
}
