// The page: whoever pays sees it.
import { paid } from 'impuls/server/next';
import { shop } from '../../shop.js';

const price = { price: 2, listing: { method: 'GET', path: '/tides' } };
export const GET = paid(shop, price, (request, { payment }) => {
  const page = `<!doctype html><title>Tides</title><p>High water at 06:12. You paid ${payment.units} units.`;
  return new Response(page, { headers: { 'Content-Type': 'text/html; charset=utf-8' } });
});

// Pages of other origins ask before they pay.
export { GET as OPTIONS };
