import type { FastifyPluginCallback, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { guard } from '../node/guard.js';
import { callOf } from '../node/http.js';
import { checkUnread } from '../node/request-body.js';
import { sourceOfAddress } from '../node/source.js';
import { gather } from '../node/turn.js';
import type { Payment, Reply, Vendor } from '../server/index.js';
import { letGo } from './let-go.js';
import { answerOwn } from './own-paths.js';
import { routeOf, type Priced } from './priced.js';

/** The vendor behind Fastify: `impuls/server/fastify`. */

export type { Priced } from './priced.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What paid for the request, behind `paid`; elsewhere it is not there. */
    payment: Payment;
  }
}

/**
 * A plugin for the whole application: answers the vendor's own paths, and what browsers ask before they call a paid route
 * of another origin.
 */
export function endpoints(vendor: Vendor): FastifyPluginCallback {
  const plugin: FastifyPluginCallback = (app, _, done) => {
    app.addHook('onRequest', async (request, reply) => {
      const own = await answerOwn(
        vendor,
        callOf(request.raw, () => sourceOfAddress(request.ip)),
      );
      return own && send(request, reply, own);
    });
    done();
  };
  // It is not for the plugin's own corner alone.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}

/**
 * Puts a price on a route: `{ onRequest: paid(vendor, 3) }`. An answer of 400 or above, by whatever way, returns the units;
 * so does an error. Bodies are parsed as usual.
 */
export function paid(vendor: Vendor, priced: Priced): onRequestAsyncHookHandler {
  const gate = gather(vendor.gate(routeOf(priced)));
  return async (request, reply) => {
    checkUnread(request.raw);
    const admission = await gate(callOf(request.raw, nobody));
    if (admission.status === 'refused') return send(request, reply, admission.reply);
    letGo(reply.raw, guard(reply.raw, admission.payment));
    if (admission.status === 'replayed') return send(request, reply, admission.reply);
    request.payment = admission.payment;
    return undefined;
  };
}

function send({ raw }: FastifyRequest, reply: FastifyReply, { status, headers, body }: Reply): FastifyReply {
  const values = new Map<string, string[]>();
  for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value]);
  for (const [name, all] of values) reply.header(name, all.length === 1 ? all[0] : all);
  // The rest of an unread body is not waited for.
  if (!raw.complete && raw.headers['content-length'] !== '0') reply.header('Connection', 'close');
  return reply.code(status).send(Buffer.from(body));
}

/** A gate does not ask who calls, and to find out takes its time. */
function nobody(): undefined {
  return undefined;
}
