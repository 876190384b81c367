import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPayingFetch, openWallet, type PayingFetch, type Wallet } from '../../src/client/index.js';
import { openFileStorage } from '../../src/node/file-storage.js';
import { createChoices } from '../../src/testing/suite.js';
import { chooseCall, make, type Outcome } from './calls.js';
import { bought, openStreet, type Call, type Shop, type Street } from './shop.js';
import { clean, compare } from './table.js';
import { calm, createTroubles } from './troubles.js';

let street: Street;
beforeAll(async () => {
  street = await openStreet();
});
afterAll(() => street.close());

const waves = 6;
const inFlight = 64;

/** A wallet that does not wait for long. */
async function openQuickWallet(path: string): Promise<Wallet> {
  return openWallet({
    storage: await openFileStorage(path),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, 40))),
  });
}

function payWith(wallet: Wallet): (call: Call) => Promise<Outcome> {
  const options = {
    wallet,
    limits: { perRequest: 9, total: 10_000 },
    retry: { attempts: 4, baseDelayMs: 5 },
  };
  const open = createPayingFetch(options);
  const sealed = createPayingFetch({ ...options, seal: 'prefer' });
  const choose = ({ seal }: Call): PayingFetch => (seal ? sealed : open);
  return (call) => make(choose(call), street.proxy.origin, call);
}

/** Kills the vendor once so many more requests have reached it, and starts it again. */
async function killAfter(shop: Shop, requests: number): Promise<void> {
  await street.proxy.forwarded(requests);
  await shop.kill();
  await shop.start();
}

/** Spends what is left, unit by unit. */
async function spendRest(wallet: Wallet, pay: (call: Call) => Promise<Outcome>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let left = wallet.cards()[0]!.left; left > 0; left = wallet.cards()[0]!.left) {
    const calls = Array.from({ length: Math.min(left, inFlight) }, (_, i): Call => {
      const target = `/one?call=rest-${outcomes.length + i}`;
      return { method: 'GET', target, seal: false };
    });
    outcomes.push(...(await Promise.all(calls.map(pay))));
  }
  return outcomes;
}

describe.each(['chain', 'stream'] as const)('64 calls at a time on one card of %s', (protocol) => {
  it.each([101, 202])(
    'are charged once each, and no unit is lost, over a network that fails and with a vendor that is killed (seed %i)',
    async (seed) => {
      const name = `${protocol}-${seed}`;
      const { proxy } = street;
      const shop = await street.openShop(name);
      const wallet = await openQuickWallet(join(street.folder, `${name}.wallet`));
      await wallet.redeem(proxy.origin, await shop.voucher(), { protocol });
      const pay = payWith(wallet);
      const choices = createChoices(seed);
      const outcomes: Outcome[] = [];
      const t0 = performance.now();
      const lap = (x: string) => console.log(x, Math.round(performance.now() - t0));
      for (let wave = 0; wave < waves; wave++) {
        proxy.troubles = createTroubles(seed * 100 + wave, 15 + choices.below(40));
        const calls = Array.from({ length: inFlight }, (_, i) => chooseCall(choices, `${wave}-${i}`));
        const killed = wave % 2 ? killAfter(shop, 1 + choices.below(inFlight)) : undefined;
        outcomes.push(...(await Promise.all(calls.map(pay))));
        lap(`calls ${wave}`);
        await killed;
        const n = (await wallet.recover()).claims.length;
        lap(`recovered ${n}`);
      }
      proxy.troubles = calm;
      await proxy.quiet();
      lap('quiet');
      const { claims } = await wallet.recover();
      expect(
        claims.filter(({ result }) => result === 'unknown'),
        `seed ${seed}`,
      ).toEqual([]);
      expect(await compare(wallet, shop, bought, outcomes), `seed ${seed}`).toEqual(clean);

      lap('compared'); // What the wallet thinks is left is there.
      const [card] = wallet.cards();
      await expect(wallet.refresh(card!.id)).resolves.toEqual(card);
      outcomes.push(...(await spendRest(wallet, pay)));
      expect(await compare(wallet, shop, bought, outcomes), `seed ${seed}`).toEqual(clean);
      lap('rest');
      expect((await shop.totals()).spent).toBe(bought);
      await wallet.close();
      await shop.stop();
      console.log(name, tally(outcomes), Object.fromEntries(proxy.met));
    },
  );
});

function tally(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { end, code = '' } of outcomes) counts[`${end} ${code}`] = (counts[`${end} ${code}`] ?? 0) + 1;
  return counts;
}
