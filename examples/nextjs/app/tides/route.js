// The page: whoever pays sees it.
import { paid } from 'impuls/server/next';
import { shop } from '../../shop.js';

export const GET = paid(shop, 2, (request, { payment }) => {
  const page = `<!doctype html><title>Tides</title><p>High water at 06:12. You paid ${payment.units} units.`;
  return new Response(page, { headers: { 'Content-Type': 'text/html; charset=utf-8' } });
});
