import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPayingFetch, openWallet, paymentOf, type Wallet } from '../../src/client/index.js';
import { openFileStorage } from '../../src/node/file-storage.js';
import { answerOf, bought, openStreet, type Call, type Street } from './shop.js';
import { clean, compare } from './table.js';

let street: Street;
beforeAll(async () => {
  street = await openStreet();
});
afterAll(() => street.close());

const post: Call = { method: 'POST', target: '/slow?call=post', body: 'one pizza', seal: false };
const get: Call = { method: 'GET', target: '/slow?call=get', seal: false };
const limits = { perRequest: 5, total: 100 };

function openAt(path: string, sleep: () => Promise<void>): Promise<Wallet> {
  return openFileStorage(path).then((storage) => openWallet({ storage, sleep }));
}

describe.each(['chain', 'stream'] as const)(
  'a vendor that is killed while it serves a card of %s',
  (protocol) => {
    it('leaves a POST charged, whose outcome the wallet calls unknown, and serves a GET again without a charge', async () => {
      const { proxy, folder } = street;
      const shop = await street.openShop(`patient-${protocol}`, 'hang');
      let restarted!: () => void;
      const back = new Promise<void>((resolve) => (restarted = resolve));
      const wallet = await openAt(join(folder, `patient-${protocol}.wallet`), () => back);
      await wallet.redeem(proxy.origin, await shop.voucher(), { protocol });
      const pay = createPayingFetch({ wallet, limits });
      const posted = pay(proxy.origin + post.target, { method: 'POST', body: post.body! });
      const refused = expect(posted).rejects.toMatchObject({
        code: 'outcome-unknown',
        message: expect.stringContaining('5 units were charged') as string,
      });
      const got = pay(proxy.origin + get.target);
      await Promise.all([shop.running(post.target), shop.running(get.target)]);
      await shop.kill();
      await shop.start();
      restarted();
      await refused;
      const response = await got;
      const { reference, verdict, units } = paymentOf(response)!;
      expect(await response.text()).toBe(answerOf(get, reference));
      expect({ verdict, units }).toEqual({ verdict: 'repeated', units: 5 });
      const [asked] = wallet.history().filter(({ method }) => method === 'POST');
      expect(asked).toMatchObject({ verdict: 'outcome-unknown', units: 5 });
      const runs = shop.runs().map(({ method, verdict, reference }) => `${method} ${verdict} ${reference}`);
      expect(runs.sort()).toEqual([
        `GET accepted ${reference}`,
        `GET repeated ${reference}`,
        `POST accepted ${asked!.reference}`,
      ]);
      expect(await shop.totals()).toMatchObject({ spent: 10 });
      expect(wallet.cards()).toMatchObject([{ left: bought - 10, reserved: 0 }]);
      expect(await compare(wallet, shop, bought, [])).toEqual(clean);
      await wallet.close();
      await shop.stop();
    });

    it('is asked by a wallet that gave up, was closed and recovers', async () => {
      const { proxy, folder } = street;
      const shop = await street.openShop(`hasty-${protocol}`, 'hang');
      const path = join(folder, `hasty-${protocol}.wallet`);
      const hasty = await openAt(path, async () => {});
      await hasty.redeem(proxy.origin, await shop.voucher(), { protocol });
      const pay = createPayingFetch({ wallet: hasty, limits, retry: { attempts: 1 } });
      const calls = [
        pay(proxy.origin + post.target, { method: 'POST', body: post.body! }),
        pay(proxy.origin + get.target),
      ];
      const unsettled = Promise.all(
        calls.map((call) => expect(call).rejects.toMatchObject({ code: 'unsettled' })),
      );
      await Promise.all([shop.running(post.target), shop.running(get.target)]);
      await shop.kill();
      await unsettled;
      expect(hasty.cards()).toMatchObject([{ left: bought - 10, reserved: 10 }]);
      await hasty.close();

      // Nobody is there to ask: the claims stay.
      const wallet = await openAt(path, async () => {});
      const silence = await wallet.recover();
      expect(silence.claims.map(({ result, charged }) => ({ result, charged }))).toEqual([
        { result: 'unknown', charged: 0 },
        { result: 'unknown', charged: 0 },
      ]);
      await shop.start();
      const { claims } = await wallet.recover();
      expect(claims.find(({ method }) => method === 'POST')).toMatchObject({
        result: 'settled',
        charged: 5,
        reason: expect.stringContaining('outcome-unknown') as string,
      });
      expect(claims.find(({ method }) => method === 'GET')).toMatchObject({
        result: 'settled',
        charged: 5,
        reason: expect.stringContaining('repeated') as string,
      });
      expect(wallet.cards()).toMatchObject([{ left: bought - 10, reserved: 0 }]);
      expect(await compare(wallet, shop, bought, [])).toEqual(clean);
      await wallet.close();
      await shop.stop();
    });
  },
);
