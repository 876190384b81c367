import { endpoints, paid } from '../../../src/adapters/next.js';
import type { Counter, Served } from '../shop.js';
import { handlersOf, routeOf } from './fetch.js';

/** Route handlers as modules of routes export them, and as much of a router as finds them. */
export function serveNext(counter: Counter): Served {
  const { vendor, report } = counter;
  const source = async (): Promise<typeof vendor> => vendor;
  const own = endpoints(source);
  const routes = new Map(
    Object.entries(handlersOf(counter)).map(([path, handler]) => [
      path,
      paid(source, routeOf(path) as { price: number }, (request, context: { payment: never }) =>
        handler(request, context.payment),
      ),
    ]),
  );
  return {
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === '/free') return new Response('free');
      const route = routes.get(pathname);
      try {
        if (pathname === '/too-late') await request.text();
        if (route && request.method !== 'OPTIONS') return await route(request, {} as never);
        return await own[request.method as keyof typeof own](request);
      } catch (error) {
        report(error);
        return new Response('sorry', { status: 500 });
      }
    },
  };
}
