import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChoices } from '../../src/testing/suite.js';
import { chooseCall } from './calls.js';
import { bought, openStreet, type Street } from './shop.js';
import { clean, compare } from './table.js';
import { calm, createTroubles } from './troubles.js';
import { callWith, openQuickWallet } from './wallets.js';

let street: Street;
beforeAll(async () => {
  street = await openStreet();
});
afterAll(() => street.close());

const inFlight = 50;

describe('50 calls at a time, with requests lost, cut and doubled and the vendor killed,', () => {
  it.each([
    ['hono', 'chain', 11],
    ['express', 'stream', 12],
    ['fastify', 'chain', 13],
    ['fetch', 'stream', 14],
  ] as const)(
    'behind %s cost exactly what they are (a card of %s, seed %i)',
    async (name, protocol, seed) => {
      const { proxy } = street;
      const shop = await street.openShop(name, name);
      const wallet = await openQuickWallet(join(street.folder, `${name}.wallet`));
      await wallet.redeem(proxy.origin, await shop.voucher(), { protocol });
      const choices = createChoices(seed);
      proxy.troubles = createTroubles(seed, 40);
      const calls = Array.from({ length: inFlight }, (_, i) => chooseCall(choices, `${name}-${i}`));
      const killed = proxy.forwarded(10 + choices.below(30)).then(async () => {
        await shop.kill();
        await shop.start();
      });
      const outcomes = await Promise.all(calls.map(callWith(wallet, proxy.origin)));
      await killed;
      proxy.troubles = calm;
      await proxy.quiet();
      const { claims } = await wallet.recover();
      expect(claims.filter(({ result }) => result === 'unknown')).toEqual([]);
      expect(await compare(wallet, shop, bought, outcomes), `seed ${seed}`).toEqual(clean);
      const [card] = wallet.cards();
      expect(await wallet.refresh(card!.id)).toEqual(card);
      await wallet.close();
      await shop.stop();
    },
  );
});
