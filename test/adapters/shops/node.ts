import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createNodeHandler, createPaidNodeHandler, type PaidNodeHandler } from '../../../src/node/http.js';
import { bytesOf, pieces, price, sized, type Counter, type Served } from '../shop.js';

export function serveNode({ vendor, report, slow, countRun }: Counter): Served {
  const own = createNodeHandler(vendor);
  const query = (req: IncomingMessage): URLSearchParams => new URL(req.url!, 'http://x').searchParams;
  const json = async (req: IncomingMessage): Promise<{ item: string }> => {
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString()) as { item: string };
  };
  const handlers: Record<string, PaidNodeHandler> = {
    '/json': (_, res) =>
      void res
        .writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'public' })
        .end('{"answer":"json"}'),
    '/text': (_, res) => void res.setHeader('Cache-Control', 'no-store').end('text'),
    '/stream': (_, res) => void Readable.from(bytesOf(pieces)).pipe(res),
    '/redirect': (_, res) => void res.writeHead(302, ['Location', '/json']).end(),
    '/empty': (_, res) => void res.writeHead(204).end(),
    '/same': (_, res) => void res.writeHead(304).end(),
    '/missing': (_, res) => void res.writeHead(404).end('not found'),
    '/refused': (_, res) => {
      res.statusCode = 422;
      Readable.from(bytesOf(pieces)).pipe(res);
    },
    '/throws': () => {
      throw new TypeError('thrown');
    },
    '/rejects': async () => {
      await Promise.resolve();
      throw new TypeError('rejected');
    },
    '/slow': async (req, res) => {
      await slow();
      if (query(req).has('fails')) throw new TypeError('late');
      res.end('slow');
    },
    '/sized': (_, res, { payment }) => void res.end(`${payment.units}`),
    '/metered': async (req, res, { payment }) => {
      await payment.capture(Number(query(req).get('n')));
      res.end('metered');
    },
    '/order': async (req, res) => {
      const { item } = await json(req);
      res
        .writeHead(201, { 'Content-Type': 'application/json' })
        .end(JSON.stringify({ item, run: countRun() }));
    },
    '/upload': async (req, res) => {
      let bytes = 0;
      for await (const chunk of req as AsyncIterable<Buffer>) bytes += chunk.length;
      res.end(JSON.stringify({ bytes }));
    },
    '/too-late': (_, res) => void res.end('never'),
  };
  const routeOf = (path: string): object =>
    path === '/sized' ? { price: sized } : path === '/metered' ? { price: 1, charge: 'capture' } : { price };
  const paid = new Map(
    Object.entries(handlers).map(([path, handler]) => [
      path,
      createPaidNodeHandler(vendor.gate(routeOf(path) as { price: number }), handler),
    ]),
  );
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { pathname } = new URL(req.url!, 'http://x');
    if (pathname === '/free') res.end('free');
    else if (pathname === '/too-late') {
      await json(req).catch(() => {});
      await paid.get(pathname)!(req, res);
    } else await (paid.get(pathname) ?? own)(req, res);
  };
  return {
    listener: (req, res) =>
      void answer(req, res).catch((error: unknown) => {
        report(error);
        if (!res.headersSent) res.writeHead(500).end('sorry');
      }),
  };
}
