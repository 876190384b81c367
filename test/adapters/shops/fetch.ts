import { Readable } from 'node:stream';
import { callOf } from '../../../src/server/fetch.js';
import { createFetchHandler, createPaidHandler, type PaidHandler } from '../../../src/server/index.js';
import { bytesOf, pieces, price, sized, type Counter, type Served } from '../shop.js';

const streamOf = (parts: readonly string[]): ReadableStream<Uint8Array> =>
  new Response(Readable.toWeb(Readable.from(bytesOf(parts))) as BodyInit).body!;

/** What Fetch and Next.js have in common: the handlers. */
export function handlersOf({
  slow,
  countRun,
}: Pick<Counter, 'slow' | 'countRun'>): Record<string, PaidHandler> {
  return {
    '/json': () => Response.json({ answer: 'json' }, { headers: { 'Cache-Control': 'public' } }),
    '/text': () => new Response('text', { headers: { 'Cache-Control': 'no-store' } }),
    '/stream': () => new Response(streamOf(pieces)),
    '/redirect': () => new Response(null, { status: 302, headers: { Location: '/json' } }),
    '/empty': () => new Response(null, { status: 204 }),
    '/same': () => new Response(null, { status: 304 }),
    '/missing': () => new Response('not found', { status: 404 }),
    '/refused': () => new Response(streamOf(pieces), { status: 422 }),
    '/throws': () => {
      throw new TypeError('thrown');
    },
    '/rejects': async () => {
      await Promise.resolve();
      throw new TypeError('rejected');
    },
    '/slow': async (request) => {
      await slow();
      if (request.url.includes('fails')) throw new TypeError('late');
      return new Response('slow');
    },
    '/sized': (_, payment) => new Response(`${payment.units}`),
    '/metered': async (request, payment) => {
      await payment.capture(Number(new URL(request.url).searchParams.get('n')));
      return new Response('metered');
    },
    '/order': async (request) => {
      const { item } = (await request.json()) as { item: string };
      return Response.json({ item, run: countRun() }, { status: 201 });
    },
    '/upload': async (request) => {
      let bytes = 0;
      for await (const chunk of request.body!) bytes += chunk.length;
      return Response.json({ bytes });
    },
    '/too-late': () => new Response('never'),
  };
}

export const routeOf = (path: string): object =>
  path === '/sized' ? { price: sized } : path === '/metered' ? { price: 1, charge: 'capture' } : { price };

export function serveFetch(counter: Counter): Served {
  const { vendor, report } = counter;
  const own = createFetchHandler(vendor);
  const paid = new Map(
    Object.entries(handlersOf(counter)).map(([path, handler]) => [
      path,
      createPaidHandler(vendor.gate(routeOf(path) as { price: number }), handler),
    ]),
  );
  return {
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const preflight = vendor.cors.preflight(callOf(request));
      if (preflight)
        return new Response(null, {
          status: preflight.status,
          headers: preflight.headers.map(([name, value]) => [name, value] as [string, string]),
        });
      if (pathname === '/free') return new Response('free');
      try {
        if (pathname === '/too-late') await request.text();
        return (
          (await paid.get(pathname)?.(request)) ?? (await own(request)) ?? new Response(null, { status: 404 })
        );
      } catch (error) {
        report(error);
        return new Response('sorry', { status: 500 });
      }
    },
  };
}
