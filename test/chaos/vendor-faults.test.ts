import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Wallet } from '../../src/client/index.js';
import { createChoices } from '../../src/testing/suite.js';
import { chooseCall, type Outcome } from './calls.js';
import { bought, openStreet, type Call, type Shop, type Street } from './shop.js';
import { clean, compare } from './table.js';
import { allFaults, calm, createTroubles } from './troubles.js';
import { callWith, openQuickWallet } from './wallets.js';

let street: Street;
beforeAll(async () => {
  street = await openStreet();
});
afterAll(() => street.close());

const waves = 4;
const inFlight = 64;

/** Kills the vendor once so many more requests have reached it, and starts it again. */
async function killAfter(shop: Shop, requests: number): Promise<void> {
  await street.proxy.forwarded(requests);
  await shop.kill();
  await shop.start();
}

/** Spends what is left, unit by unit. */
async function spendRest(wallet: Wallet, call: (call: Call) => Promise<Outcome>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let left = wallet.cards()[0]!.left; left > 0; left = wallet.cards()[0]!.left) {
    const calls = Array.from({ length: Math.min(left, inFlight) }, (_, i): Call => {
      const target = `/one?call=rest-${outcomes.length + i}`;
      return { method: 'GET', target, seal: false };
    });
    outcomes.push(...(await Promise.all(calls.map(call))));
  }
  return outcomes;
}

describe('64 calls at a time on one card', () => {
  it.each([
    ['chain', 101],
    ['stream', 202],
  ] as const)(
    'of %s are charged once each, and no unit is lost, over a network that fails and with a vendor that is killed (seed %i)',
    async (protocol, seed) => {
      const name = `${protocol}-${seed}`;
      const { proxy } = street;
      const shop = await street.openShop(name);
      const wallet = await openQuickWallet(join(street.folder, `${name}.wallet`));
      await wallet.redeem(proxy.origin, await shop.voucher(), { protocol });
      const call = callWith(wallet, proxy.origin);
      const choices = createChoices(seed);
      const outcomes: Outcome[] = [];
      for (let wave = 0; wave < waves; wave++) {
        proxy.troubles = createTroubles(seed * 100 + wave, 15 + choices.below(40));
        const calls = Array.from({ length: inFlight }, (_, i) => chooseCall(choices, `${wave}-${i}`));
        const killed = wave % 2 ? killAfter(shop, 1 + choices.below(inFlight)) : undefined;
        outcomes.push(...(await Promise.all(calls.map(call))));
        await killed;
        // Over the same network; what it cannot find out is for the next time.
        await wallet.recover();
      }
      proxy.troubles = calm;
      await proxy.quiet();
      const { claims } = await wallet.recover();
      expect(claims.filter(({ result }) => result === 'unknown')).toEqual([]);
      expect(await compare(wallet, shop, bought, outcomes), `seed ${seed}`).toEqual(clean);

      // What the wallet thinks is left is there.
      const [card] = wallet.cards();
      expect(await wallet.refresh(card!.id)).toEqual(card);
      outcomes.push(...(await spendRest(wallet, call)));
      expect(await compare(wallet, shop, bought, outcomes), `seed ${seed}`).toEqual(clean);
      expect((await shop.totals()).spent).toBe(bought);
      await wallet.close();
      await shop.stop();
    },
  );

  it('met every fault there is', () => {
    expect([...street.proxy.met.keys()]).toEqual(expect.arrayContaining(['echo', ...allFaults]));
  });
});
