import { callOf, createPaidHandler, responseOf } from '../server/fetch.js';
import type { Payment } from '../server/index.js';
import { sourceOfAddress } from '../server/source.js';
import { answerOwn } from './own-paths.js';
import { routeOf, type Priced } from './priced.js';
import { createGates, resolveVendor, type VendorOf } from './vendor-of.js';

/** The vendor behind route handlers of Next.js: `impuls/server/next`. */

export type { Priced } from './priced.js';
export type { VendorOf } from './vendor-of.js';

/** A route handler, as `export const GET = …` has it; `context` has the promise of `params`. */
export type RouteHandler<R extends Request, C extends object> = (request: R, context: C) => Promise<Response>;

/** What serves a paid request: its context has the payment besides. */
export type PaidRouteHandler<R extends Request, C extends object> = (
  request: R,
  context: C & { readonly payment: Payment },
) => Response | Promise<Response>;

/**
 * Puts a price on a route handler. An answer of 400 or above, or a throw, returns the units. Exported as `OPTIONS` too, it answers
 * pages of other origins, which ask before they pay.
 *
 * @param vendor rather a function: modules of routes are also loaded while the site is built
 */
export function paid<R extends Request = Request, C extends object = object>(
  vendor: VendorOf<R>,
  priced: Priced,
  handler: PaidRouteHandler<R, C>,
): RouteHandler<R, C> {
  const gateFor = createGates<R>(vendor, routeOf(priced));
  return async (request, context) => {
    const serve = createPaidHandler(await gateFor(request), (again, payment) =>
      handler(again as R, { ...context, payment }),
    );
    return serve(request);
  };
}

export interface EndpointsOptions {
  /** Who calls, for the failure budget. Default: the last address of X-Forwarded-For, which Next.js sets itself. */
  readonly sourceOf?: (request: Request) => string | undefined;
}

/** The vendor's own paths: `export const { GET, HEAD, POST, OPTIONS } = endpoints(vendor)` in a route of each. */
export function endpoints(
  vendor: VendorOf<Request>,
  { sourceOf = sourceForwarded }: EndpointsOptions = {},
): Record<'GET' | 'HEAD' | 'POST' | 'OPTIONS', (request: Request) => Promise<Response>> {
  const answer = async (request: Request): Promise<Response> => {
    const source = sourceOf(request);
    const call = callOf(request, source === undefined ? {} : { source });
    const reply = await answerOwn(await resolveVendor(vendor, request), call);
    return reply ? responseOf(reply, request.method) : new Response(null, { status: 404 });
  };
  return { GET: answer, HEAD: answer, POST: answer, OPTIONS: answer };
}

function sourceForwarded(request: Request): string | undefined {
  return sourceOfAddress(request.headers.get('x-forwarded-for')?.split(',').at(-1));
}
