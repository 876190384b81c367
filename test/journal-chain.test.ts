import Database from 'better-sqlite3';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqliteLedger } from '../src/node/sqlite.js';
import type { Ledger } from '../src/server/ledger.js';
import { acceptClaim, at, giveBack, kinds, makeReply, openCard } from '../src/testing/cards.js';
import { brokenGroups, readChain } from './support/journal-chain.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-chain-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

const times = (acceptedAt: number) => ({ acceptedAt, challengeExpires: acceptedAt + 5, route: '/a/*' });

/** Opens cards, pays from them in several groups of several rows, some of these at a time long past. */
async function live(ledger: Ledger, first: number): Promise<void> {
  const cards = await Promise.all(kinds.map((kind) => openCard(ledger, kind)));
  for (let end = 1; end <= 5; end++) {
    const now = first + 10 * end;
    const claims = await Promise.all(cards.map((card) => acceptClaim(ledger, card, end, 1, times(now))));
    await ledger.settle(cards[0]!.id, claims[0]!.tag, makeReply());
    await giveBack(ledger, cards[1]!, claims[1]!, 0);
  }
}

describe('the chain of the journal', () => {
  it('links every commit to all before it, over restarts', async () => {
    const path = join(folder, `${++files}.db`);
    for (let round = 0; round < 3; round++) {
      const ledger = await openSqliteLedger({ path, maxUnfolded: round });
      await live(ledger, at);
      await ledger.close();
    }
    expect(brokenGroups(path)).toEqual([]);
    const chain = readChain(path);
    expect(chain.some(({ rows }) => rows > 2)).toBe(true);
    expect(chain.reduce((sum, { rows }) => sum + rows, 0)).toBe(3 * (3 + 5 * 5));
  });

  it.each([
    ['kept', 'UPDATE journal SET kept = kept + 1 WHERE seq = 20'],
    [
      'a proof',
      `UPDATE journal SET proof = randomblob(32) WHERE seq = (SELECT max(seq) FROM journal WHERE kind = 0)`,
    ],
    [
      'the order',
      'UPDATE journal SET seq = CASE seq WHEN 11 THEN -12 ELSE -11 END WHERE seq IN (11, 12); UPDATE journal SET seq = -seq WHERE seq < 0',
    ],
    ['a row that is gone', 'DELETE FROM journal WHERE seq = 13'],
    ['a link', 'UPDATE groups SET link = zeroblob(32) WHERE last = (SELECT max(last) FROM groups)'],
  ])('does not hold once somebody changes %s', async (_, sql) => {
    const path = join(folder, `${++files}.db`);
    const ledger = await openSqliteLedger({ path });
    await live(ledger, at);
    await ledger.close();
    const raw = new Database(path);
    raw.exec(sql);
    raw.close();
    expect(brokenGroups(path)).not.toEqual([]);
  });

  it('still holds when keys and replies are erased, and when whole groups are purged', async () => {
    const path = join(folder, `${++files}.db`);
    let ledger = await openSqliteLedger({ path });
    await live(ledger, at);
    const [mixed, young] = [await openCard(ledger), await openCard(ledger)];
    // One group has an old row and a new one.
    await Promise.all([
      acceptClaim(ledger, mixed, 1, 1, times(at)),
      acceptClaim(ledger, young, 1, 1, times(at + 10_000)),
    ]);
    await live(ledger, at + 10_000);
    const before = readChain(path);
    const head = before.at(-1)!;
    await ledger.purge(at + 10_000, at + 5000);
    await ledger.purge(at + 10_000, at + 5000);
    const after = readChain(path);
    expect(brokenGroups(path)).toEqual([]);
    expect(after.length).toBeLessThan(before.length);
    expect(after.reduce((sum, { purged }) => sum + Math.max(1, purged), 0)).toBe(before.length);
    expect(after.at(-1)).toEqual(head);
    const [claims] = [(await ledger.totals()).claims];
    expect(claims).toEqual({ settled: 5, pending: 6, released: 5 });
    // What is due is forgotten, though its row stays for its neighbour's sake.
    expect(await ledger.findHolder(mixed.id, 0, 1)).toBeUndefined();
    expect((await ledger.findHolder(young.id, 0, 1))?.kept).toBe(1);
    await ledger.close();
    ledger = await openSqliteLedger({ path });
    expect((await ledger.totals()).claims).toEqual(claims);
    await live(ledger, at + 20_000);
    await ledger.purge(at + 99_000, at + 99_000);
    await ledger.close();
    expect(brokenGroups(path)).toEqual([]);
    expect(readChain(path)).toHaveLength(1);
  });
});
