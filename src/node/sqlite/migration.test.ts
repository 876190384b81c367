import Database from 'better-sqlite3';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Ledger, Order } from '../../server/ledger.js';
import {
  acceptClaim,
  at,
  cardsOf,
  giveBack,
  makeOrder,
  openCard,
  type TestCard,
} from '../../testing/cards.js';
import { openSqliteLedger } from '../sqlite.js';
import { schemaVersion } from './schema.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-migration-'));
afterAll(() => rmSync(folder, { recursive: true }));

const signatures = [new Uint8Array(384).fill(7)];
let files = 0;

interface Old {
  readonly path: string;
  readonly card: TestCard;
  readonly served: Order;
  readonly open: Order;
}

/** A closed ledger of a version without batches (1), without books (2), or without idempotency keys (3). */
async function oldLedger(version: number): Promise<Old> {
  const path = join(folder, `${++files}.db`);
  const ledger = await openSqliteLedger({ path });
  const card = await openCard(ledger);
  await acceptClaim(ledger, card, 9, 9);
  const [served, open] = [makeOrder(), makeOrder()];
  await ledger.createOrders([served, open], at);
  await ledger.serveOrder(served.id, 'digest', signatures, cardsOf(served), at);
  await ledger.close();
  downgrade(path, version);
  return { path, card, served, open };
}

/** Takes away what later versions brought. */
function downgrade(path: string, version: number): void {
  const raw = new Database(path);
  raw.exec('DROP INDEX idempotency; ALTER TABLE journal DROP COLUMN idempotency');
  if (version < 3) dropBooks(raw, version);
  raw.pragma(`user_version = ${version}`);
  raw.pragma('wal_checkpoint(TRUNCATE)');
  raw.close();
}

function dropBooks(raw: Database.Database, version: number): void {
  for (const table of ['routes', 'groups', 'books', 'quarantine']) raw.exec(`DROP TABLE ${table}`);
  raw.exec('DROP INDEX refunds; DELETE FROM journal WHERE kind = 3; ALTER TABLE journal DROP COLUMN route');
  const added = ['held', 'purpose', 'credit', 'at', 'paid'];
  if (version === 1) {
    raw.exec('DROP INDEX codes; DROP TABLE batches');
    added.push('batch', 'serial', 'state');
  } else raw.exec('UPDATE orders SET state = NULL WHERE batch IS NULL');
  for (const column of added) raw.exec(`ALTER TABLE orders DROP COLUMN ${column}`);
}

const versionOf = (path: string): number => readFileSync(path).readUInt32BE(60);

async function check(ledger: Ledger, { card, served, open }: Old): Promise<void> {
  expect((await ledger.readCard(card.id))?.state.spent).toBe(9);
  const { orders, ordersServed, spent } = await ledger.totals();
  expect([orders, ordersServed, spent]).toEqual([2, 1, 9]);
  expect(await ledger.readOrder(open.id)).toEqual({ ...open, state: 'active' });
  expect(await ledger.serveOrder(served.id, 'digest', [], cardsOf(served), at)).toEqual({
    status: 'repeated',
    signatures,
  });
  expect(await ledger.readBatches()).toEqual([]);
}

describe.each([1, 2, 3])('a SQLite ledger of format %i', (version) => {
  it('is brought up to this one when it is opened, with all that is in it, once', async () => {
    const old = await oldLedger(version);
    expect(versionOf(old.path)).toBe(version);
    for (let round = 0; round < 2; round++) {
      const ledger = await openSqliteLedger({ path: old.path });
      expect(versionOf(old.path)).toBe(schemaVersion);
      await check(ledger, old);
      await ledger.close();
    }
    const ledger = await openSqliteLedger({ path: old.path });
    const terms = { label: '', items: [], created: 1, expires: 2 };
    const batch = await ledger.createBatch(terms);
    expect(await ledger.addCodes(batch, 1, [old.open.id])).toBe(false);
    expect(await ledger.addCodes(batch, 1, ['new'])).toBe(true);
    expect((await ledger.serveOrder(old.open.id, 'digest', signatures, cardsOf(old.open), at)).status).toBe(
      'served',
    );
    await ledger.close();
  });

  it('is whole also where the process died after the change and before the header said so', async () => {
    const old = await oldLedger(version);
    const header = readFileSync(old.path).subarray(0, 100);
    const ledger = await openSqliteLedger({ path: old.path });
    await ledger.close();
    const copy = join(folder, `${++files}.db`);
    copyFileSync(old.path, copy);
    const bytes = readFileSync(copy);
    // The version that the file's own first page says, while the log has the new one.
    bytes.set(header.subarray(60, 64), 60);
    const writer = new Database(old.path);
    writer.pragma('wal_autocheckpoint = 0');
    writer.pragma(`user_version = ${schemaVersion + 7}`);
    writer.pragma(`user_version = ${schemaVersion}`);
    writeFileSync(`${copy}-wal`, readFileSync(`${old.path}-wal`));
    writer.close();
    writeFileSync(copy, bytes);
    expect(versionOf(copy)).toBe(version);
    const again = await openSqliteLedger({ path: copy });
    await check(again, old);
    await again.close();
    expect(versionOf(copy)).toBe(schemaVersion);
  });

  it('is refused and left as it is if it is damaged', async () => {
    const { path } = await oldLedger(version);
    writeFileSync(path, readFileSync(path).fill(0x55, 8192));
    const before = readFileSync(path);
    await expect(openSqliteLedger({ path })).rejects.toMatchObject({ code: 'storage-corrupt' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});

describe('the books of a SQLite ledger of format 2', () => {
  const items = [{ denomination: 1000, count: 1 }];
  const day = 86_400;
  // In the past, whenever this runs.
  const start = 1_600_000_000;

  it('say what its cards, orders and payments say, and each payment that is known on its day', async () => {
    const path = join(folder, `${++files}.db`);
    const ledger = await openSqliteLedger({ path, maxUnfolded: 3 });
    const cards = [await openCard(ledger), await openCard(ledger), await openCard(ledger)] as const;
    const paidAt = (acceptedAt: number) => ({ acceptedAt, challengeExpires: acceptedAt });
    await acceptClaim(ledger, cards[0], 100, 100, paidAt(start));
    await acceptClaim(ledger, cards[1], 30, 30, paidAt(start + day));
    await giveBack(ledger, cards[1], await acceptClaim(ledger, cards[1], 50, 20, paidAt(start + day)), 0);
    await giveBack(ledger, cards[1], await acceptClaim(ledger, cards[1], 60, 10, paidAt(start + 3 * day)), 4);
    await acceptClaim(ledger, cards[2], 7, 7, paidAt(start + 3 * day));
    const orders = Array.from({ length: 6 }, () => ({ ...makeOrder(), items }));
    await ledger.createOrders(orders, start);
    for (const order of orders.slice(0, 5)) {
      await ledger.serveOrder(order.id, 'digest', signatures, cardsOf(order), start);
    }
    const batch = await ledger.createBatch({
      label: '',
      items,
      created: start + day,
      expires: start + 9 * day,
    });
    await ledger.addCodes(batch, 1, ['one', 'two', 'three']);
    await ledger.changeCodes(batch, 2, 3, 'active', start);
    await ledger.changeCodes(batch, 3, 3, 'void', start);
    await ledger.purge(start + 1, start + 1);
    await ledger.close();
    downgrade(path, 2);

    for (let round = 0; round < 2; round++) {
      const again = await openSqliteLedger({ path });
      const first = Math.floor((start + day) / day);
      const none = { key: '', route: '' };
      const [a, b, c] = cards.map(({ entry }) => ({ key: entry.keyId, route: '' }));
      const moved = [
        { day: first, kind: 'issued', ...a, count: 1, units: 1000 },
        { day: first, kind: 'issued', ...b, count: 1, units: 1000 },
        { day: first, kind: 'issued', ...c, count: 3, units: 3000 },
        { day: first, kind: 'opened', ...a, count: 1, units: 1000 },
        { day: first, kind: 'opened', ...b, count: 1, units: 1000 },
        { day: first, kind: 'opened', ...c, count: 1, units: 1000 },
        { day: first, kind: 'sold', ...none, count: 7, units: 7000 },
        { day: first, kind: 'spent', ...a, count: 0, units: 100 },
        { day: first, kind: 'spent', ...b, count: 1, units: 30 },
        { day: first + 2, kind: 'spent', ...b, count: 1, units: 4 },
        { day: first + 2, kind: 'spent', ...c, count: 1, units: 7 },
      ];
      const books = await again.readBooks();
      expect(books).toHaveLength(moved.length);
      expect(books).toEqual(expect.arrayContaining(moved));
      await again.close();
    }
    const raw = new Database(path, { readonly: true });
    const linked = raw.prepare('SELECT max(last) FROM groups').pluck().get();
    expect(linked).toBe(raw.prepare('SELECT max(seq) FROM journal').pluck().get());
    raw.close();
  });
});
