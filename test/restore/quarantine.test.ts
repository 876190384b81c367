import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { backUpVendor } from '../../src/node/vendor/backup.js';
import { restoreVendor } from '../../src/node/vendor/restore.js';
import { outcomeOf } from '../support/code-of.js';
import { denomination, origin, payTimes, Place, url, type HeldWallet } from './place.js';

/** A vendor is backed up, goes on, is lost, and comes back as it was: nothing that was spent since is spent twice. */

let base: string;
let place: Place;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'impuls-restore-'));
  place = new Place(base);
  await place.init(join(base, 'origin'));
});
afterEach(() => place.lose());
afterAll(() => rm(base, { recursive: true, force: true }));

interface Story {
  readonly backup: string;
  /** Had cards at the time of the backup, and has paid with them since. */
  readonly regulars: readonly HeldWallet[];
  /** The regulars as they were then: who goes back to it claims units that are spent. */
  readonly cheats: readonly HeldWallet[];
  /** A code that was not redeemed then, and was since. */
  readonly redeemed: string;
  readonly redeemer: HeldWallet;
  /** Bought with a code that was made since. */
  readonly newcomer: HeldWallet;
  /** A card that was sold before and not shown to the vendor. */
  readonly sleeper: HeldWallet;
  /** An order that was served then. */
  readonly served: string;
}

const protocols = ['chain', 'stream'] as const;

/** What happens up to the loss. */
async function tell(): Promise<Story> {
  const folder = place.somewhere();
  await cp(join(base, 'origin'), folder, { recursive: true });
  await place.serve(folder);
  place.arrived.length = 0;
  const regulars = await Promise.all(protocols.map((protocol) => place.buyer(protocol)));
  for (const regular of regulars) expect(await payTimes(regular, 3)).toBe(3);
  const sleeper = await place.buyer('chain');
  const served = await place.voucher();
  await (await place.wallet()).wallet.redeem(origin, served, { protocol: 'chain' });
  const redeemed = await place.voucher();
  const backup = place.somewhere();
  await backUpVendor(folder, backup, { clock: place.clock });

  const cheats = await Promise.all(regulars.map(({ records }) => place.wallet(new Map(records))));
  place.ms += 60_000;
  for (const regular of regulars) expect(await payTimes(regular, 5)).toBe(5);
  const redeemer = await place.wallet();
  await redeemer.wallet.redeem(origin, redeemed, { protocol: 'chain' });
  expect(await payTimes(redeemer, 4)).toBe(4);
  const newcomer = await place.buyer('stream');
  expect(await payTimes(newcomer, 2)).toBe(2);
  place.ms += 60_000;
  await place.lose();
  await rm(folder, { recursive: true });
  return { backup, regulars, cheats, redeemed, redeemer, newcomer, sleeper, served };
}

const left = ({ wallet }: HeldWallet): number[] => wallet.cards().map((card) => card.left + card.reserved);

describe('a vendor restored from a backup', () => {
  it('takes no unit twice, serves no order twice, opens no card anew, and sells at once', async () => {
    const story = await tell();
    const claims = place.arrived.filter(({ charged }) => charged);
    const before = [...story.regulars, story.redeemer, story.newcomer, story.sleeper].map(left);
    const folder = place.somewhere();
    const { quarantined, issuing, totals } = await restoreVendor(story.backup, folder, {
      clock: place.clock,
    });
    expect([quarantined.length, issuing.length, totals.spent]).toEqual([1, 1, 12]);
    const { vendor, ledger } = await place.serve(folder);
    const spentNow = async (): Promise<number> => (await ledger.totals()).spent;

    // What is spent is not spent again: neither by who goes back in time, nor by who sends the very bytes again.
    for (const cheat of story.cheats) {
      expect(await outcomeOf(cheat.pay(url))).toBe('vendor-restored');
      expect(await payTimes(cheat, 3)).toBe(0);
    }
    const charged = claims.length;
    for (const { request } of claims) {
      const answer = await place.fetch(request());
      expect(answer.status).toBe(409);
      expect(answer.headers.has('payment-receipt')).toBe(false);
    }
    expect(charged).toBe(6 + 10 + 4 + 2);
    expect(await spentNow()).toBe(12);

    // What was redeemed is not redeemed again, and what was redeemed before the backup brings the same.
    const stranger = await place.wallet();
    for (const code of [story.redeemed, story.served]) {
      const again = stranger.wallet.redeem(origin, code, { protocol: 'chain' });
      expect(await outcomeOf(again)).toBe(code === story.served ? 'order-served' : 'vendor-restored');
    }
    expect((await ledger.totals()).ordersServed).toBe(4);

    // Cards that it does not know are not opened with full units, in no wallet.
    for (const holder of [story.redeemer, story.newcomer, story.sleeper]) {
      expect(await outcomeOf(holder.pay(url))).toBe('vendor-restored');
      const copy = await place.wallet();
      await copy.wallet.restore(await holder.wallet.backup());
      expect(await outcomeOf(copy.pay(url))).toBe('vendor-restored');
    }
    expect((await ledger.totals()).cards).toBe(2);
    expect(vendor.failures.failed).toBe(0);

    // Nobody lost anything, and whoever buys now pays at once.
    for (const regular of story.regulars) expect(await outcomeOf(regular.pay(url))).toBe('vendor-restored');
    for (const { wallet } of story.regulars) await wallet.recover();
    expect([...story.regulars, story.redeemer, story.newcomer, story.sleeper].map(left)).toEqual(before);
    for (const protocol of protocols) expect(await payTimes(await place.buyer(protocol), 3)).toBe(3);
    const [code] = await vendor.createVouchers([{ denomination, count: 1 }], 1);
    await story.regulars[0]!.wallet.redeem(origin, code!, { protocol: 'chain' });
    expect(await payTimes(story.regulars[0]!, 3)).toBe(3);
    expect(place.errors).toEqual([]);
  });

  it('takes all of them again once the operator lifts the quarantine, who accepts the risk', async () => {
    const story = await tell();
    const folder = place.somewhere();
    await restoreVendor(story.backup, folder, { clock: place.clock });
    const { ledger } = await place.serve(folder);
    const all = [...story.regulars, story.redeemer, story.newcomer, story.sleeper];
    for (const holder of all) expect(await outcomeOf(holder.pay(url))).toBe('vendor-restored');
    await ledger.liftQuarantine();
    expect(await ledger.quarantined()).toEqual([]);
    for (const holder of all) {
      await holder.wallet.recover();
      expect(await payTimes(holder, 3)).toBe(3);
    }
    const buyer = await place.wallet();
    expect(await outcomeOf(buyer.wallet.redeem(origin, story.redeemed, { protocol: 'stream' }))).toBe('done');
    expect(await payTimes(buyer, 2)).toBe(2);
    expect(place.errors).toEqual([]);
  });

  it('would take spent units a second time without the quarantine', async () => {
    const story = await tell();
    const folder = place.somewhere();
    await restoreVendor(story.backup, folder, { clock: place.clock });
    const { ledger } = await place.serve(folder);
    await ledger.liftQuarantine();
    for (const cheat of story.cheats) expect(await payTimes(cheat, 5)).toBe(5);
    const copy = await place.wallet();
    await copy.wallet.restore(await story.newcomer.wallet.backup());
    // 4 of its 40 units were spent before the loss.
    expect(await payTimes(copy, 20)).toBe(20);
  });
});
