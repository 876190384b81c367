import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChoices } from '../../src/testing/suite.js';
import { startChild } from '../crash/child.js';
import { chooseCall, judge, type Outcome } from './calls.js';
import { answerOf, bought, openStreet, type Call, type Street } from './shop.js';
import { clean, compare } from './table.js';
import { calm, createTroubles } from './troubles.js';
import { openQuickWallet } from './wallets.js';

let street: Street;
beforeAll(async () => {
  street = await openStreet();
});
afterAll(() => street.close());

const rounds = 12;
/** Rounds in which it is killed before it has paid much: while it redeems and activates. */
const early = 5;

/** What `wallet.mjs` prints of a call that came to its end. */
interface Ended {
  readonly call: Call;
  readonly status?: number;
  readonly reference?: string;
  /** SHA-256 of the body; absent if that broke off. */
  readonly digest?: string;
  readonly reason?: string;
}

function outcomeOf(line: string): Outcome {
  const { call, status, reference, digest, reason } = JSON.parse(line.slice('end '.length)) as Ended;
  if (status === undefined) return { call, end: 'failed', reason };
  const text = answerOf(call, reference);
  const isText = digest === createHash('sha256').update(text).digest('base64url');
  return judge(call, status, reference, digest === undefined || isText ? digest && text : 'another text');
}

describe('a wallet that is killed again and again', () => {
  it.each([301])('is charged once for each call and loses no unit (seed %i)', async (seed) => {
    const { proxy, folder } = street;
    const shop = await street.openShop(`killed-${seed}`);
    const vouchers = [await shop.voucher(), await shop.voucher()] as const;
    const [path, callsPath] = [join(folder, `${seed}.wallet`), join(folder, `${seed}.calls`)];
    const choices = createChoices(seed);
    const outcomes: Outcome[] = [];
    for (let round = 0; round < rounds; round++) {
      proxy.troubles = createTroubles(seed * 100 + round, 15);
      const calls = Array.from({ length: 200 }, (_, i) => chooseCall(choices, `${round}-${i}`));
      writeFileSync(callsPath, JSON.stringify(calls));
      const child = startChild('../chaos/wallet.mjs', [path, proxy.origin, callsPath, ...vouchers], {
        killAfter: round < early ? 1 + choices.below(30) : 30 + choices.below(270),
      });
      const lines = await child.lines;
      expect(child.process.signalCode, `seed ${seed}, round ${round}`).toBe('SIGKILL');
      outcomes.push(...lines.filter((line) => line.startsWith('end ')).map(outcomeOf));
    }
    proxy.troubles = calm;
    await proxy.quiet();
    const wallet = await openQuickWallet(path);
    const report = await wallet.recover();
    expect(report.unfinished).toEqual([]);
    expect(report.claims.filter(({ result }) => result === 'unknown')).toEqual([]);
    expect(wallet.cards()).toHaveLength(2);
    expect(outcomes.length).toBeGreaterThan(rounds);
    expect(await compare(wallet, shop, 2 * bought, outcomes), `seed ${seed}`).toEqual(clean);
    for (const card of wallet.cards()) expect(await wallet.refresh(card.id)).toEqual(card);
    await wallet.close();
    await shop.stop();
  });
});
