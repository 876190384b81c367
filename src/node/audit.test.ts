import Database from 'better-sqlite3';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../server/ledger.js';
import {
  acceptClaim,
  at,
  giveBack,
  makeCard,
  makeClaim,
  makeTag,
  openCard,
  stateAfter,
  type TestCard,
} from '../testing/cards.js';
import { ledgerCases, type LedgerHarness } from '../testing/ledger-cases.js';
import { auditLedger, type AuditReport } from './audit.js';
import { openSqliteLedger } from './sqlite.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-audit-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const newPath = () => join(folder, `${++files}.db`);
const day = 86_400;

async function credit(ledger: Ledger, card: TestCard, end: number, purpose: 'exchange' | 'refund') {
  const stored = (await ledger.readCard(card.id))!;
  const claim = makeClaim(card, end, 2, { acceptedAt: at + 2 * day });
  const order = makeTag();
  const to = { order, purpose };
  const done = await ledger.credit(
    card.id,
    stored.version,
    stateAfter(card, stored.state, claim)!,
    claim,
    to,
  );
  expect(done).toBe('credited');
  return order;
}

/** A closed ledger in which everything has happened that can. */
async function lived(): Promise<string> {
  const path = newPath();
  const ledger = await openSqliteLedger({ path, maxUnfolded: 12 });
  const kinds = [{ protocol: 'chain' }, { protocol: 'stream' }, { protocol: 'chain' }] as const;
  for (const kind of kinds) {
    const card = await openCard(ledger, kind, 100);
    const key = card.entry.keyId;
    const order = { id: makeTag(), items: [{ denomination: 100, count: 1 }] };
    await ledger.createOrders([order], at);
    await ledger.serveOrder(order.id, 'd', [new Uint8Array(384)], [{ key, units: 100 }], at);
    const later = { acceptedAt: at + day, challengeExpires: at + day + 300, route: '/articles/*' };
    for (let end = 3; end <= 30; end += 3) await acceptClaim(ledger, card, end, 3, later);
    // Over a gap, in part, released, and into the gap.
    const leapt = await acceptClaim(ledger, card, 36, 2, { ...later, kept: 1, route: '' });
    const released = await acceptClaim(ledger, card, 40, 4, { acceptedAt: at + day });
    await giveBack(ledger, card, released, 0);
    await ledger.settle(card.id, leapt.tag);
    await acceptClaim(ledger, card, 32, 1, { acceptedAt: at + 2 * day });
    const partly = await acceptClaim(ledger, card, 45, 5, { acceptedAt: at + 2 * day });
    await giveBack(ledger, card, partly, 2);
    await acceptClaim(ledger, card, 46, 1, { acceptedAt: at + 2 * day, status: 'released', kept: 0 });
    const exchanged = await credit(ledger, card, 47, 'exchange');
    await ledger.serveOrder(exchanged, 'd', [new Uint8Array(384)], [{ key, units: 2 }], at + 3 * day);
    await ledger.payRefund(await credit(ledger, card, 49, 'refund'), at + 4 * day);
  }
  const terms = { label: '', items: [{ denomination: 50, count: 2 }], created: at, expires: at + 9 * day };
  const batch = await ledger.createBatch(terms);
  await ledger.addCodes(batch, 1, [makeTag(), makeTag(), makeTag()]);
  await ledger.changeCodes(batch, 1, 2, 'active', at);
  await ledger.changeCodes(batch, 2, 2, 'void', at);
  await ledger.close();
  return path;
}

async function holds(path: string): Promise<AuditReport> {
  const report = await auditLedger(path);
  expect(report.fault).toBeUndefined();
  return report;
}

let original: string;
beforeAll(async () => {
  original = await lived();
});

/** The report on a copy that was changed. */
async function changed(...sql: readonly string[]): Promise<AuditReport> {
  const path = newPath();
  copyFileSync(original, path);
  const raw = new Database(path);
  for (const statement of sql) expect(raw.prepare(statement).run().changes).toBeGreaterThan(0);
  raw.close();
  return auditLedger(path);
}

describe('an audit', () => {
  it('finds nothing wrong with what a ledger wrote, and tells its head', async () => {
    const { head, groups, rows, cards, purged } = await holds(original);
    expect(head?.link).toMatch(/^[\w-]{43}$/);
    expect(rows).toBe(head!.seq);
    expect({ cards, purged }).toEqual({ cards: 3, purged: 0 });
    expect(groups).toBeGreaterThan(40);
  });

  it('holds after a purge that had to leave an old claim, which gave back what it had, in a young group', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path });
    const [card, other] = [await openCard(ledger, undefined, 100), await openCard(ledger, undefined, 100)];
    const young = { acceptedAt: at + 9 * day, challengeExpires: at + 9 * day };
    // One group, which the younger of the two keeps.
    const [released] = await Promise.all([
      acceptClaim(ledger, card, 3, 3),
      acceptClaim(ledger, other, 3, 3, young),
    ]);
    await giveBack(ledger, card, released, 0);
    await acceptClaim(ledger, card, 6, 3, young);
    await ledger.purge(at + 5 * day, at + 5 * day);
    expect(await ledger.findClaim(card.id, released.tag)).toBeUndefined();
    await ledger.close();
    await holds(path);
  });

  it('works beside a server that goes on writing', async () => {
    const path = newPath();
    const ledger = await openSqliteLedger({ path, maxUnfolded: 5 });
    const card = await openCard(ledger);
    for (let end = 1; end <= 20; end++) {
      await acceptClaim(ledger, card, end, 1);
      expect((await holds(path)).rows).toBe(end + 1);
    }
    await ledger.close();
  });

  it('knows a head that was noted, though more was written since, and no other', async () => {
    const path = newPath();
    copyFileSync(original, path);
    const { head } = await holds(path);
    const ledger = await openSqliteLedger({ path });
    await openCard(ledger);
    await ledger.close();
    expect((await auditLedger(path, { expect: head })).fault).toBeUndefined();
    const other = { ...head!, link: 'A'.repeat(43) };
    expect((await auditLedger(path, { expect: other })).fault).toMatch(/written anew/);
    const ahead = { seq: head!.seq + 100, link: head!.link };
    expect((await auditLedger(path, { expect: ahead })).fault).toMatch(/the journal ends before it/);
  });

  it('compares cards with what their keys say', async () => {
    const keys = new Database(original, { readonly: true })
      .prepare<[], string>('SELECT key_id FROM cards')
      .pluck()
      .all();
    const terms = (denomination: number) =>
      new Map(keys.map((key) => [key, { denomination, expires: 1_900_000_000 }]));
    expect((await auditLedger(original, { terms: terms(100) })).fault).toBeUndefined();
    expect((await auditLedger(original, { terms: terms(99) })).fault).toMatch(/not those of its issuing key/);
  });

  it('holds after a purge, and still finds what was changed behind it', async () => {
    const path = newPath();
    copyFileSync(original, path);
    const ledger = await openSqliteLedger({ path });
    await ledger.purge(at + 9 * day, at + day + 400);
    await ledger.close();
    const { purged, rows } = await holds(path);
    expect(purged).toBeGreaterThan(10);
    expect(rows).toBeGreaterThan(10);
    const raw = new Database(path);
    raw.exec('UPDATE journal SET kept = kept - 1 WHERE seq = (SELECT max(seq) FROM journal WHERE kept > 1)');
    raw.close();
    expect((await auditLedger(path)).fault).toMatch(/^rows .* one was changed/);
  });

  it('refuses what is no ledger', async () => {
    await expect(auditLedger(newPath())).rejects.toMatchObject({ code: 'invalid-argument' });
    const path = newPath();
    new Database(path).exec('CREATE TABLE x (y)').close();
    await expect(auditLedger(path)).rejects.toMatchObject({ code: 'unsupported' });
  });
});

const last = '(SELECT max(seq) FROM journal)';
const group = '(SELECT max(last) FROM groups)';
const chainCard = '(SELECT min(slot) FROM cards)';
const streamCard = "(SELECT slot FROM cards WHERE protocol = 'stream')";

describe('an audit finds', () => {
  it.each([
    ['a row that was changed', 'UPDATE journal SET kept = 2 WHERE seq = 7', /^rows 7 to 7 of the journal/],
    ['a route that was changed', 'UPDATE journal SET route = 0 WHERE seq = 7', /^rows 7 to 7/],
    ['a time that was changed', 'UPDATE journal SET at = at + 1 WHERE seq = 7', /^rows 7 to 7/],
    ['a row that is missing', 'DELETE FROM journal WHERE seq = 9', /^rows 9 to 9 .* missing/],
    ['the last row missing', `DELETE FROM journal WHERE seq = ${last}`, /missing/],
    ['a row without a link', `DELETE FROM groups WHERE last = ${group}`, /no link is there for it/],
    ['a link that is missing', 'DELETE FROM groups WHERE last = 8', /^rows 8 to 9/],
    ['a link that was changed', 'UPDATE groups SET link = zeroblob(32) WHERE last = 8', /^rows 8 to 8/],
    ['a purge that was none', 'UPDATE groups SET purged = 1 WHERE last = 8', /^rows 8 to 8 .* purged/],
    [
      'a card that was changed',
      `UPDATE cards SET master = zeroblob(32) WHERE slot = ${chainCard}`,
      /does not hash down to its anchor/,
    ],
    ['a card with another name', `UPDATE cards SET id = 'x' WHERE slot = ${chainCard}`, /its name is not/],
    ['a card of another key', `UPDATE cards SET key_id = 'x' WHERE slot = ${chainCard}`, /not what it was/],
    ['a card that is missing', `DELETE FROM cards WHERE slot = ${streamCard}`, /its card is missing/],
    ['books that were changed', "UPDATE books SET units = units + 1 WHERE kind = 'sold'", /units of orders/],
    ['spending that was made up', "UPDATE books SET units = units + 1 WHERE kind = 'spent'", /units spent/],
    ['spending on another day', "UPDATE books SET day = day - 1 WHERE kind = 'exchanged'", /^the books of/],
    ['a row of the books missing', "DELETE FROM books WHERE kind = 'issued'", /^the books: cards issued/],
    [
      'a row of the books added',
      "INSERT INTO books VALUES (20000, 'withdrawn', '', '', 1, 100)",
      /^the books: orders that are good/,
    ],
    [
      'an order that was made up',
      "INSERT INTO orders (id, items, state) SELECT 'x', items, 1 FROM orders LIMIT 1",
      /^the books: orders that are good/,
    ],
    ['an order that is missing', 'DELETE FROM orders WHERE batch IS NULL AND purpose IS NULL', /^the books/],
    [
      'a refund that was changed',
      'UPDATE orders SET credit = credit + 1 WHERE purpose = 1',
      /units refunded/,
    ],
    ['a refund paid in secret', 'UPDATE orders SET paid = NULL WHERE purpose = 1', /units paid out/],
    ['a code made good', 'UPDATE orders SET state = 1 WHERE state = 0', /orders that are good/],
    ['a claim forgotten in part', 'UPDATE claims SET kept = 0 WHERE kept = 3', /^claim \d+/],
    ['totals that were changed', 'UPDATE progress SET cards = cards + 1', /^the totals: cards/],
  ])('%s', async (_, sql, fault) => {
    expect((await changed(sql)).fault).toMatch(fault);
  });

  it('rows that changed places, and one that is there twice', async () => {
    const swap = ['-1 WHERE seq = 7', '7 WHERE seq = 8', '8 WHERE seq = -1'];
    const swapped = await changed(...swap.map((to) => `UPDATE journal SET seq = ${to}`));
    expect(swapped.fault).toMatch(/^rows 7 to 7/);
    const columns = 'slot, kind, claim, end, units, kept, tag, proof, safe, at, challenge_expires, route';
    const twice = `INSERT INTO journal (seq, ${columns}) SELECT ${last} + 1, ${columns} FROM journal WHERE seq = 7`;
    expect((await changed(twice)).fault).toMatch(/no link is there for it/);
  });

  it('a card that was never opened', async () => {
    const { entry } = makeCard({ protocol: 'chain' }, 100);
    const path = newPath();
    copyFileSync(original, path);
    const raw = new Database(path);
    const state = raw.prepare<[], Uint8Array>(`SELECT state FROM cards WHERE slot = 1`).pluck().get();
    raw
      .prepare("INSERT INTO cards VALUES (9, ?, ?, ?, ?, 'chain', ?, ?, ?, 0, 0)")
      .run(entry.id, entry.message, entry.keyId, entry.master, entry.scheme, entry.expires, state);
    raw.close();
    expect((await auditLedger(path)).fault).toMatch(/does not tell that it was opened/);
  });

  it('any number of a state that was changed', async () => {
    const states = new Database(original, { readonly: true })
      .prepare<[], { slot: number; state: Buffer }>('SELECT slot, state FROM cards')
      .all();
    for (const { slot, state } of states) {
      // Units, what was spent, the highest unit, the first gap.
      for (const byte of [3, 7, 11, state.length - 33, state.length - 37]) {
        const forged = Buffer.from(state);
        forged[byte]! ^= 1;
        const { fault } = await changed(
          `UPDATE cards SET state = X'${forged.toString('hex')}' WHERE slot = ${slot}`,
        );
        expect([slot, byte, fault]).toEqual([slot, byte, expect.any(String)]);
      }
    }
  });
});

describe('whatever a ledger is asked to do, an audit finds nothing wrong', () => {
  const paths = new WeakMap<Ledger, string>();
  const openAt = async (path: string) => {
    const ledger = await openSqliteLedger({ path, maxUnfolded: 7 });
    paths.set(ledger, path);
    return ledger;
  };
  const harness: LedgerHarness = {
    capabilities: ['restart', 'exclusive'],
    open: () => openAt(newPath()),
    async reopen(ledger) {
      await holds(paths.get(ledger)!);
      await ledger.close();
      await holds(paths.get(ledger)!);
      return openAt(paths.get(ledger)!);
    },
  };
  it.each(ledgerCases().filter(({ name }) => name.startsWith('whatever')))('$name', ({ run }) =>
    run(harness),
  );
});
