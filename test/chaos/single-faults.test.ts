import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Wallet } from '../../src/client/index.js';
import { createPayingFetch } from '../../src/client/index.js';
import { make, type Outcome } from './calls.js';
import { bought, fails, openStreet, type Call, type Shop, type Street } from './shop.js';
import { clean, compare, describeOutcome } from './table.js';
import { allFaults, calm, type Fault } from './troubles.js';
import { openQuickWallet } from './wallets.js';

let street: Street;
beforeAll(async () => {
  street = await openStreet();
});
afterAll(() => street.close());

const requests: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/one?'],
  ['GET', '/three?'],
  ['POST', '/order?'],
  ['POST', '/bulk?'],
  ['GET', '/metered?use=4&'],
  ['GET', '/sealed?'],
  ['GET', '/moody?fails=no&'],
  ['GET', '/moody?fails=yes&'],
  ['POST', '/moody?fails=yes&'],
];

/** What the vendor answered was lost, whole or in part, before its state or receipt was read. */
const losesReply: readonly Fault[] = ['lost client', 'lost reply', 'torn head'];

/** How a call ends whose claim meets these faults, one each time that it is sent. */
function expected({ method, target }: Call, met: readonly Fault[]): Omit<Outcome, 'call'> {
  const [last = 'none'] = met.filter((fault) => fault !== 'late reply').slice(-1);
  const lost = met.some((fault) => losesReply.includes(fault));
  if (fails(target)) {
    // What would have told of the error is gone. A GET is simply paid anew, and fails anew.
    return lost && method === 'POST' ? { end: 'failed', reason: 'payment-refused' } : { end: 'unpaid' };
  }
  if (lost && target.startsWith('/bulk')) return { end: 'failed', reason: 'already-served' };
  return { end: last === 'torn body' && !lost ? 'torn' : 'paid' };
}

describe.each(['chain', 'stream'] as const)('a call that is paid with a card of %s', (protocol) => {
  let shop: Shop;
  let wallet: Wallet;
  const seen: Outcome[] = [];
  beforeAll(async () => {
    shop = await street.openShop(protocol);
    wallet = await openQuickWallet(join(street.folder, `${protocol}.wallet`));
    await wallet.redeem(street.proxy.origin, await shop.voucher(), { protocol });
  });
  afterAll(async () => {
    await wallet.close();
    await shop.stop();
  });

  async function meet(
    method: string,
    target: string,
    faults: readonly Fault[],
    echoes: boolean,
  ): Promise<Outcome> {
    const { proxy } = street;
    const claimed: Fault[] = [...faults];
    // Offers are not kept from one paying fetch to the next: the first request asks what it costs.
    proxy.troubles = (crossing) => {
      const isClaim = crossing.target === target && crossing.before > 0;
      const fault = (isClaim && claimed.shift()) || 'none';
      return { ...calm(crossing), fault, delayMs: 16, echoAfterMs: echoes && isClaim ? 1 : undefined };
    };
    const pay = createPayingFetch({
      wallet,
      limits: { perRequest: 9, total: 9 },
      seal: 'prefer',
      retry: { attempts: 5, baseDelayMs: 2 },
    });
    const body = method === 'POST' ? 'a pizza' : undefined;
    const outcome = await make(pay, proxy.origin, { method, target, body, seal: true });
    proxy.troubles = calm;
    await proxy.quiet();
    return outcome;
  }

  it('is not answered with a refusal that broke off', async () => {
    const faults: readonly Fault[] = ['lost reply', 'torn body'];
    const outcomes: Outcome[] = [];
    for (const [method, path] of requests.slice(-2).concat([['POST', '/bulk?']])) {
      outcomes.push(await meet(method, `${path}call=${protocol}-broken&by=${method}`, faults, false));
    }
    expect(outcomes.map(({ end, reason }) => reason ?? end)).toEqual([
      'unpaid',
      'payment-refused',
      'already-served',
    ]);
    seen.push(...outcomes);
  });

  it.each(allFaults)('ends as it must when its claim meets: %s', async (fault) => {
    const outcomes: Outcome[] = [];
    for (const echoes of [false, true]) {
      for (const [method, path] of requests) {
        // An echo that comes first would wait for its answer, and its handler for its end.
        if (echoes && fault === 'lost client') continue;
        // Whether the echo comes first, so that there is no answer left for the call, is chance.
        if (echoes && method === 'POST' && !path.startsWith('/order')) continue;
        // The handler is still at work when its client has gone, and ends then.
        const alone = fault === 'lost client' && !path.startsWith('/bulk') && !path.startsWith('/sealed');
        const name = `${protocol}-${fault}-${echoes}`.replace(' ', '-');
        const target = `${path}call=${name}${alone ? '&alone=yes' : ''}&by=${method}`;
        outcomes.push(await meet(method, target, [fault], echoes));
      }
    }
    expect(outcomes.map(describeOutcome)).toEqual(
      outcomes.map(({ call }) => describeOutcome({ call, ...expected(call, [fault]) })),
    );
    seen.push(...outcomes);
  });

  it('is charged once, what it costs, in each of these cases', async () => {
    expect(await compare(wallet, shop, bought, seen)).toEqual(clean);
  });
});
