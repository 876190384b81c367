import type { createVendor, Call } from '../../src/server/index.js';
import { activationOf, buyCard, type HandCard } from './card.js';
import { expect } from 'vitest';

/** Calls of a vendor that no socket carries, and a card of 100 units that is active there. */

type Vendor = ReturnType<typeof createVendor>;

export const callOf = (target: string, changed: Partial<Call> & { authorization?: string } = {}): Call => ({
  method: 'GET',
  target,
  header: (name) => (name === 'authorization' ? changed.authorization : undefined),
  body: async () => new Uint8Array(0),
  ...changed,
});

export const post = (vendor: Vendor) => async (path: string, body: unknown) => {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const take = (_: number, taking?: (length: number) => void): Promise<Uint8Array> => {
    taking?.(bytes.length);
    return Promise.resolve(bytes);
  };
  const reply = await vendor.answer(callOf(path, { method: 'POST', body: take }));
  return new Response(reply!.body as BodyInit, { status: reply!.status, headers: reply!.headers as [] });
};

export async function activeCard(vendor: Vendor): Promise<HandCard> {
  const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
  const hand = await buyCard(post(vendor), vendor.document, code!, { protocol: 'chain' }, 100);
  expect((await post(vendor)('/impuls/activate', await activationOf(hand, vendor.digest))).status).toBe(200);
  return hand;
}
