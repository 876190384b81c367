import { requestHeaders } from '../server/cors.js';
import type { Call, Reply, Vendor } from '../server/index.js';

/**
 * The vendor's own paths, and what a browser asks before it calls a paid route of a page of another origin: routers have no
 * route for that. Whoever answers preflights in a way of their own does it before, or makes the vendor with `cors: 'none'`.
 */
export async function answerOwn(vendor: Vendor, call: Call): Promise<Reply | undefined> {
  const own = await vendor.answer(call);
  if (own) return own;
  const asked = (call.header('access-control-request-headers') ?? '').toLowerCase().match(/[\w-]+/g) ?? [];
  const others = asked.filter((name) => !covered.includes(name));
  return vendor.cors.preflight(call, others);
}

const covered = requestHeaders.map((name) => name.toLowerCase());
