import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { setImmediate } from 'node:timers/promises';
import express, { type ErrorRequestHandler } from 'express';
import { endpoints, paid } from '../../../src/adapters/express.js';
import { bytesOf, pieces, price, sized, type Counter, type Served } from '../shop.js';

const file = fileURLToPath(new URL('text.txt', import.meta.url));

export function serveExpress({ vendor, report, slow, countRun }: Counter): Served {
  const app = express();
  app.use(endpoints(vendor));
  app.get('/json', paid(vendor, price), (_, res) => {
    res.set('Cache-Control', 'public').json({ answer: 'json' });
  });
  app.get('/text', paid(vendor, price), (_, res) => {
    res.set('Cache-Control', 'no-store').sendFile(file, { cacheControl: false });
  });
  app.get('/stream', paid(vendor, price), (_, res) => {
    Readable.from(bytesOf(pieces)).pipe(res.type('text'));
  });
  app.get('/redirect', paid(vendor, price), (_, res) => {
    res.redirect('/json');
  });
  app.get('/empty', paid(vendor, price), (_, res) => {
    res.sendStatus(204);
  });
  app.get('/same', paid(vendor, price), (_, res) => {
    res.status(304).end();
  });
  app.get('/missing', paid(vendor, price), (_, _res, next) => {
    next();
  });
  app.get('/refused', paid(vendor, price), (_, res) => {
    Readable.from(bytesOf(pieces)).pipe(res.status(422).type('text'));
  });
  app.get('/throws', paid(vendor, price), () => {
    throw new TypeError('thrown');
  });
  app.get('/rejects', paid(vendor, price), async (_, _res, next) => {
    await setImmediate();
    next(new TypeError('rejected'));
  });
  app.get('/slow', paid(vendor, price), async (req, res) => {
    await slow();
    if ('fails' in req.query) throw new TypeError('late');
    res.send('slow');
  });
  app.get('/sized', paid(vendor, sized), (_, res) => {
    res.send(`${res.locals.payment.units}`);
  });
  app.get('/metered', paid(vendor, { price: 1, charge: 'capture' }), async (req, res) => {
    await res.locals.payment.capture(Number(req.query['n']));
    res.send('metered');
  });
  const router = express.Router();
  router.post('/', paid(vendor, price), express.json(), (req, res) => {
    res.status(201).json({ item: (req.body as { item: string }).item, run: countRun() });
  });
  app.use('/order', router);
  app.post('/upload', paid(vendor, price), async (req, res) => {
    let bytes = 0;
    for await (const chunk of req as AsyncIterable<Buffer>) bytes += chunk.length;
    res.json({ bytes });
  });
  app.post('/too-late', express.json(), paid(vendor, price), (_, res) => {
    res.send('never');
  });
  app.get('/free', (_, res) => {
    res.send('free');
  });
  const sorry: ErrorRequestHandler = (error, _, res, next) => {
    report(error);
    if (res.headersSent) next(error);
    else res.status(500).send('sorry');
  };
  app.use(sorry);
  return { listener: app };
}
