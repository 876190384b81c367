import { afterEach, expect, it } from 'vitest';
import { activationOf, buyCard, challengesOf, claimOf } from '../support/card.js';
import { startVendor, type TestVendor } from '../support/vendor.js';

let started: TestVendor | undefined;
afterEach(() => started?.close());

it('sends the head of a paid answer when the handler flushes it, before there is a body', async () => {
  let goOn = (): void => {};
  started = await startVendor({
    '/events': {
      price: 1,
      handler: (_req, res) => {
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        res.flushHeaders();
        goOn = () => res.end('data: one\n\n');
      },
    },
  });
  const { origin, vendor } = started;
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(origin + path, { method: 'POST', body: JSON.stringify(body) });
  const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
  const hand = await buyCard(post, vendor.document, code!, { protocol: 'stream' }, 100);
  await post('/impuls/activate', await activationOf(hand, vendor.digest));
  const [challenge] = challengesOf(await fetch(`${origin}/events`));
  const { authorization } = claimOf(hand, challenge!, { target: '/events' }, { end: 1, units: 1 });
  const response = await fetch(`${origin}/events`, { headers: { authorization } });
  expect(response.headers.get('payment-receipt')).not.toBeNull();
  goOn();
  expect(await response.text()).toBe('data: one\n\n');
});
