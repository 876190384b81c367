import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryStorage, createPayingFetch, openWallet, paymentOf } from '../../src/client/index.js';
import { copyExample, type Example } from '../support/example.js';
import { findPlatform } from '../support/platforms.js';
import { freePort } from '../support/ports.js';
import { expectValid } from '../support/validating.js';

describe.skipIf(!findPlatform('miniflare'))('the Worker of the examples', () => {
  let example: Example;
  let origin: string;

  beforeAll(async () => {
    example = copyExample('worker', ['miniflare', 'rolldown']);
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    expect(await example.start(process.execPath, ['dev.mjs', String(port)], { ADMIN_TOKEN: 'secret' })).toBe(
      `${origin} sells; Ctrl+C stops it\n`,
    );
  });
  afterAll(() => example[Symbol.asyncDispose]());

  it('sells cards and is paid with them, under workerd', async () => {
    const order = (token: string) =>
      fetch(`${origin}/admin/vouchers`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
    expect((await order('guess')).status).toBe(403);
    const { codes } = (await (await order('secret')).json()) as { codes: [string] };
    const wallet = await openWallet({ storage: createMemoryStorage() });
    await wallet.redeem(origin, codes[0], { protocol: 'stream' });
    const pay = createPayingFetch({ wallet, limits: { perRequest: 5, total: 50 } });
    const responses = await Promise.all(Array.from({ length: 10 }, () => pay(`${origin}/forecast`)));
    for (const response of responses) {
      expect(await response.json()).toEqual({ high: '06:12', low: '12:31', paid: 2 });
      expect(paymentOf(response)?.units).toBe(2);
    }
    expect(wallet.cards()[0]?.left).toBe(80);
    await wallet.close();
    const free = await fetch(`${origin}/forecast`);
    expect([free.status, free.headers.get('cache-control')]).toEqual([402, 'no-store']);
  });

  // It is the network before a Worker that says what time it is.
  it('is a vendor as validators expect one', () => expectValid(origin, 1, ['time']));
});
