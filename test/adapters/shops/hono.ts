import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { stream } from 'hono/streaming';
import { endpoints, paid } from '../../../src/adapters/hono.js';
import { pieces, price, sized, type Counter, type Served } from '../shop.js';

export function serveHono({ vendor, report, slow, countRun }: Counter): Served {
  const app = new Hono();
  app.use(compress());
  app.use(endpoints(vendor));
  app.get('/json', paid(vendor, price), (c) =>
    c.json({ answer: 'json' }, 200, { 'Cache-Control': 'public' }),
  );
  app.get('/text', paid(vendor, price), (c) => c.text('text', 200, { 'Cache-Control': 'no-store' }));
  app.get('/stream', paid(vendor, price), (c) => {
    c.header('Content-Type', 'text/plain');
    return stream(c, async (out) => {
      for (const piece of pieces) await out.write(piece);
    });
  });
  app.get('/redirect', paid(vendor, price), (c) => c.redirect('/json'));
  app.get('/empty', paid(vendor, price), (c) => c.body(null, 204));
  app.get('/same', paid(vendor, price), (c) => c.body(null, 304));
  app.get('/missing', paid(vendor, price), (c) => c.notFound());
  app.get('/refused', paid(vendor, price), (c) => {
    c.status(422);
    return stream(c, async (out) => {
      for (const piece of pieces) await out.write(piece);
    });
  });
  app.get('/throws', paid(vendor, price), () => {
    throw new TypeError('thrown');
  });
  app.get('/rejects', paid(vendor, price), async () => {
    await Promise.resolve();
    throw new TypeError('rejected');
  });
  app.get('/slow', paid(vendor, price), async (c) => {
    await slow();
    if (c.req.query('fails') !== undefined) throw new TypeError('late');
    return c.text('slow');
  });
  app.get('/sized', paid(vendor, sized), (c) => c.text(`${c.var.payment.units}`));
  app.get('/metered', paid(vendor, { price: 1, charge: 'capture' }), async (c) => {
    await c.get('payment').capture(Number(c.req.query('n')));
    return c.text('metered');
  });
  app.post('/order', paid(vendor, price), async (c) => {
    const { item } = await c.req.json<{ item: string }>();
    return c.json({ item, run: countRun() }, 201);
  });
  app.post('/upload', paid(vendor, price), async (c) => {
    let bytes = 0;
    for await (const chunk of c.req.raw.body!) bytes += chunk.length;
    return c.json({ bytes });
  });
  app.use('/too-late', async (c, next) => {
    await c.req.text();
    await next();
  });
  app.post('/too-late', paid(vendor, price), (c) => c.text('never'));
  app.get('/free', (c) => c.text('free'));
  app.onError((error, c) => {
    report(error);
    return c.text('sorry', 500);
  });
  const listener = getRequestListener(app.fetch);
  return { listener: (req, res) => void listener(req, res) };
}
