import type { Context, MiddlewareHandler } from 'hono';
import { callOf, checkUnread, finish, readable, replayed, responseOf } from '../server/fetch.js';
import type { Payment } from '../server/index.js';
import { sourceOfAddress } from '../server/source.js';
import { answerOwn } from './own-paths.js';
import { routeOf, type Priced } from './priced.js';
import { createGates, resolveVendor, type VendorOf } from './vendor-of.js';

/** The vendor behind Hono, on any runtime: `impuls/server/hono`. */

export type { Priced } from './priced.js';
export type { VendorOf } from './vendor-of.js';

/** What handlers behind `paid` find: `c.get('payment')` or `c.var.payment`. */
export interface PaidEnv {
  Variables: { payment: Payment };
}

export interface EndpointsOptions {
  /**
   * Who calls, for the failure budget. Default: the address of the socket under `@hono/node-server`, elsewhere nobody, and
   * then some wrong vouchers stop everybody for a while: say here what the platform says, such as `CF-Connecting-IP`.
   */
  readonly sourceOf?: (c: Context) => string | undefined;
}

/** Answers the vendor's own paths, and what browsers ask before they call a paid route of another origin. */
export function endpoints(
  vendor: VendorOf<Context>,
  { sourceOf = sourceOfSocket }: EndpointsOptions = {},
): MiddlewareHandler {
  return async (c, next) => {
    const source = sourceOf(c);
    const call = callOf(c.req.raw, source === undefined ? {} : { source });
    const reply = await answerOwn(await resolveVendor(vendor, c), call);
    return reply ? responseOf(reply, c.req.raw.method) : next();
  };
}

/**
 * Puts a price on what comes after it. An answer of 400 or above returns the units; so does an error, which Hono makes an
 * answer of.
 *
 * @throws ImpulsError `invalid-argument` if the body was read before
 */
export function paid(vendor: VendorOf<Context>, priced: Priced): MiddlewareHandler<PaidEnv> {
  const gateFor = createGates<Context>(vendor, routeOf(priced));
  return async (c, next) => {
    const request = c.req.raw;
    checkUnread(request);
    const gate = await gateFor(c);
    const admission = await gate(callOf(request));
    if (admission.status === 'refused') return responseOf(admission.reply, request.method);
    const { payment } = admission;
    if (admission.status === 'replayed') return finish(request.method, payment, replayed(admission.reply));
    c.set('payment', payment);
    c.req.raw = readable(request, admission.body, payment);
    try {
      await next();
    } catch (error) {
      // Hono makes answers of errors, but not of other things that are thrown.
      await payment.release();
      throw error;
    }
    const said = c.res;
    const answer = await finish(request.method, payment, said);
    if (answer === said) return;
    // Hono would lay the headers of the old answer over those of the new one.
    c.res = undefined;
    c.res = answer;
  };
}

function sourceOfSocket(c: Context): string | undefined {
  const env = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  return sourceOfAddress(env?.incoming?.socket?.remoteAddress);
}
