import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callWith, openQuickWallet } from './wallets.js';
import { bought, openStreet, type Call, type Street } from './shop.js';
import { clean, compare } from './table.js';
import { calm, type Fault } from './troubles.js';

let street: Street;
beforeAll(async () => {
  street = await openStreet();
});
afterAll(() => street.close());

/** By how often the target came before. First it is asked what it costs, then it is paid. */
const faults: readonly Fault[] = ['none', 'lost reply', 'torn body', 'none'];

describe('a refusal that breaks off in its body', () => {
  it.each<[method: string, path: string, end: object]>([
    ['POST', '/moody?fails=yes', { end: 'failed', reason: 'payment-refused' }],
    ['GET', '/moody?fails=yes', { end: 'unpaid' }],
    ['POST', '/bulk?', { end: 'failed', reason: 'already-served' }],
  ])('is not taken for the answer of the handler: %s %s', async (method, path, end) => {
    const name = `${method}-${path.slice(1, 5)}`;
    const { proxy, folder } = street;
    const shop = await street.openShop(name);
    const wallet = await openQuickWallet(join(folder, name));
    await wallet.redeem(proxy.origin, await shop.voucher(), { protocol: 'chain' });
    const target = `${path}&call=${name}`;
    proxy.troubles = (crossing) => {
      const fault = crossing.target === target ? faults[crossing.before] : undefined;
      return { ...calm(crossing), fault: fault ?? 'none' };
    };
    const call: Call = { method, target, seal: false, body: method === 'POST' ? 'a pizza' : undefined };
    const outcome = await callWith(wallet, proxy.origin)(call);
    expect(outcome).toEqual({ call, ...end });
    expect(await compare(wallet, shop, bought, [outcome])).toEqual(clean);
    await wallet.close();
    await shop.stop();
  });
});
