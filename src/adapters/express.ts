import type { Request, RequestHandler } from 'express';
import { guard } from '../node/guard.js';
import { callOf, send } from '../node/http.js';
import { checkUnread } from '../node/request-body.js';
import { sourceOfAddress } from '../node/source.js';
import { gather } from '../node/turn.js';
import { isImpulsError } from '../core/errors.js';
import type { Call, Payment, Vendor } from '../server/index.js';
import { answerOwn } from './own-paths.js';
import { routeOf, type Priced } from './priced.js';
import { letGo } from './let-go.js';

/** The vendor behind Express: `impuls/server/express`. */

export type { Priced } from './priced.js';

/** What handlers behind `paid` find in `res.locals`. */
export interface PaidLocals extends Record<string, unknown> {
  payment: Payment;
}

/** Whatever the application says of it. */
type Body = Request['body'];

/**
 * Answers the vendor's own paths, and what browsers ask before they call a paid route of another origin. Callers are told
 * apart by `req.ip`, so "trust proxy" counts.
 */
export function endpoints(vendor: Vendor): RequestHandler {
  return async (req, res, next) => {
    const call = callOf(req, () => sourceOfAddress(req.ip));
    let failure: unknown;
    const watched: Call = {
      method: call.method,
      target: call.target,
      header: (name) => call.header(name),
      body: (limit, take) =>
        call.body(limit, take).catch((error: unknown) => {
          failure = error;
          throw error;
        }),
      get source() {
        return call.source;
      },
      connection: call.connection,
    };
    const reply = await answerOwn(vendor, watched);
    // The vendor would answer that it cannot just now.
    if (isImpulsError(failure, 'invalid-argument')) next(failure);
    else if (reply) send(req, res, reply);
    else next();
  };
}

/**
 * Puts a price on what comes after it. An answer of 400 or above, by whatever way, returns the units; so does an error that
 * Express makes an answer of. Behind it bodies are read as usual.
 */
export function paid<Path extends Request['params']>(
  vendor: Vendor,
  priced: Priced,
): RequestHandler<Path, Body, Body, Request['query'], PaidLocals> {
  const gate = gather(vendor.gate(routeOf(priced)));
  return async (req, res, next) => {
    checkUnread(req);
    const admission = await gate(callOf(req, nobody));
    if (admission.status === 'refused') {
      send(req, res, admission.reply);
      return;
    }
    letGo(res, guard(res, admission.payment));
    if (admission.status === 'replayed') {
      send(req, res, admission.reply);
      return;
    }
    res.locals.payment = admission.payment;
    next();
  };
}

/** A gate does not ask who calls, and to find out takes its time. */
function nobody(): undefined {
  return undefined;
}
