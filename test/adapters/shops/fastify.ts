import { Readable } from 'node:stream';
import fastify from 'fastify';
import { endpoints, paid } from '../../../src/adapters/fastify.js';
import { bytesOf, pieces, price, sized, type Counter, type Served } from '../shop.js';

export async function serveFastify({ vendor, report, slow, countRun }: Counter): Promise<Served> {
  const app = fastify();
  await app.register(endpoints(vendor));
  const onRequest = paid(vendor, price);
  app.get('/json', { onRequest }, (_, reply) =>
    reply.header('Cache-Control', 'public').send({ answer: 'json' }),
  );
  app.get('/text', { onRequest }, (_, reply) => reply.header('Cache-Control', 'no-store').send('text'));
  app.get('/stream', { onRequest }, (_, reply) =>
    reply.type('text/plain').send(Readable.from(bytesOf(pieces))),
  );
  app.get('/redirect', { onRequest }, (_, reply) => reply.redirect('/json'));
  app.get('/empty', { onRequest }, (_, reply) => reply.code(204).send());
  app.get('/same', { onRequest }, (_, reply) => reply.code(304).send());
  app.get('/missing', { onRequest }, (_, reply) => {
    reply.callNotFound();
  });
  app.get('/refused', { onRequest }, (_, reply) => reply.code(422).send(Readable.from(bytesOf(pieces))));
  app.get('/throws', { onRequest }, () => {
    throw new TypeError('thrown');
  });
  app.get('/rejects', { onRequest }, async () => {
    await Promise.resolve();
    throw new TypeError('rejected');
  });
  app.get<{ Querystring: { fails?: string } }>('/slow', { onRequest }, async ({ query }) => {
    await slow();
    if (query.fails !== undefined) throw new TypeError('late');
    return 'slow';
  });
  app.get('/sized', { onRequest: paid(vendor, sized) }, async ({ payment }) => `${payment.units}`);
  const metered = paid(vendor, { price: 1, charge: 'capture' });
  app.get<{ Querystring: { n: string } }>('/metered', { onRequest: metered }, async ({ payment, query }) => {
    await payment.capture(Number(query.n));
    return 'metered';
  });
  app.post<{ Body: { item: string } }>('/order', { onRequest }, async ({ body }, reply) => {
    reply.code(201);
    return { item: body.item, run: countRun() };
  });
  app.post('/upload', { onRequest }, async ({ body }) => ({ bytes: (body as Buffer).length }));
  app.addContentTypeParser('application/octet-stream', async (_: unknown, payload: Readable) => {
    const chunks: Buffer[] = [];
    for await (const chunk of payload) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  });
  app.post('/too-late', { preHandler: onRequest }, async () => 'never');
  app.get('/free', async () => 'free');
  app.setErrorHandler((error, _, reply) => {
    report(error);
    return reply.code(500).send('sorry');
  });
  await app.ready();
  return { listener: (req, res) => app.routing(req, res), close: () => app.close() };
}
