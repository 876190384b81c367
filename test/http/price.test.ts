import { describe, expect, it } from 'vitest';
import { malformed } from '../../src/core/errors.js';
import { paymentOf } from '../../src/client/index.js';
import { createWorld, origin } from '../client-fixture.js';

describe('a price that depends on the body', () => {
  it('is asked and paid, and the handler reads the body as usual', async () => {
    const world = await createWorld({
      '/count': {
        price: async (call) => (await call.body(64)).length,
        handler: async (request) => new Response(`got ${await request.text()}`),
      },
    });
    const pay = world.paying(await world.richWallet('stream'));
    const response = await pay(`${origin}/count`, { method: 'POST', body: 'seven b' });
    expect(await response.text()).toBe('got seven b');
    expect(paymentOf(response)).toMatchObject({ units: 7 });
    const longer = await pay(`${origin}/count`, { method: 'POST', body: 'eleven byte' });
    expect(paymentOf(longer)).toMatchObject({ units: 11 });
  });

  it('is refused without a claim where the body has none, or is too long for it', async () => {
    const world = await createWorld({
      '/count': {
        price: async (call) => {
          if ((await call.body(8)).length === 0) throw malformed('an empty body costs nothing');
          return 1;
        },
        handler: async () => new Response('x'),
      },
    });
    const pay = world.paying(await world.richWallet('chain'));
    expect((await pay(`${origin}/count`, { method: 'POST' })).status).toBe(400);
    expect((await pay(`${origin}/count`, { method: 'POST', body: 'x'.repeat(9) })).status).toBe(413);
    expect((await world.vendor.totals()).claims).toEqual({ settled: 0, pending: 0, released: 0 });
  });
});
