import { afterEach, expect, it } from 'vitest';
import { Challenge, Receipt } from 'mppx';
import { activationOf, buyCard, challengesOf, claimOf } from '../support/card.js';
import { platformNetwork } from '../../src/cli/doctor/network-checks.js';
import { validate } from '../../src/cli/validating/validate.js';
import { validateByPeer } from '../support/validating.js';
import { startVendor, type TestVendor } from '../support/vendor.js';

/** A peer's own black-box check of a Payment server, and its parsers, against ours. */

let vendor: TestVendor | undefined;
afterEach(async () => {
  await vendor?.close();
  vendor = undefined;
});

async function start(): Promise<TestVendor> {
  const listing = { method: 'GET', path: '/article', summary: 'One article' };
  vendor = await startVendor({
    '/article': { price: 3, listing, handler: (_req, res) => void res.end('read') },
    '/order': {
      price: 1,
      listing: { method: 'POST', path: '/order' },
      handler: (_req, res) => void res.writeHead(201).end('{}'),
    },
    '/letter': {
      price: 2,
      seal: 'required',
      listing: { method: 'GET', path: '/letter' },
      handler: (_req, res) => void res.end('read by you alone'),
    },
  });
  return vendor;
}

it('passes mppx validate', { timeout: 60_000 }, async () => {
  const { origin } = await start();
  const { code, summary, endpoints } = await validateByPeer(origin);
  expect({ code, ...summary }).toMatchObject({ code: 0, failed: 0 });
  expect(summary.passed).toBeGreaterThan(10);
  expect(endpoints).toHaveLength(3);
});

it('passes a check of our own, over a real socket', async () => {
  const { origin } = await start();
  const checks = await validate({ ...platformNetwork, origin, paths: [] });
  expect(checks.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
  expect(checks.map(({ name }) => name)).toContain('GET /letter without a card');
});

it('writes challenges and receipts that mppx reads', async () => {
  const { origin, vendor: made } = await start();
  const post = (path: string, body: unknown) =>
    fetch(origin + path, { method: 'POST', body: JSON.stringify(body) });
  const [code] = await made.createVouchers([{ denomination: 100, count: 1 }], 1);
  const hand = await buyCard(post, made.document, code!, { protocol: 'chain' }, 100);
  await post('/impuls/activate', await activationOf(hand, made.digest));
  const bare = await fetch(`${origin}/article`);
  const theirs = Challenge.fromResponseList(bare);
  expect(theirs.map(({ method, intent }) => `${method}/${intent}`)).toEqual([
    'impuls/session',
    'impuls/charge',
  ]);
  expect(theirs[0]!.request).toMatchObject({ amount: '3', currency: 'unit' });
  const claim = claimOf(hand, challengesOf(bare)[0]!, { target: '/article' }, { end: 3, units: 3 });
  const paid = await fetch(`${origin}/article`, { headers: { authorization: claim.authorization } });
  expect(Receipt.fromResponse(paid)).toMatchObject({ status: 'success', method: 'impuls' });
});
