import Database from 'better-sqlite3';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Ledger, Order } from '../server/ledger.js';
import { acceptClaim, at, cardsOf, makeOrder, openCard, type TestCard } from '../testing/cards.js';
import { openSqliteLedger } from './sqlite.js';
import { schemaVersion } from './sqlite-schema.js';

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

/** A closed ledger of version 1, before there were batches. */
async function oldLedger(): Promise<Old> {
  const path = join(folder, `${++files}.db`);
  const ledger = await openSqliteLedger({ path });
  const card = await openCard(ledger);
  await acceptClaim(ledger, card, 9, 9);
  const [served, open] = [makeOrder(), makeOrder()];
  await ledger.createOrders([served, open], at);
  await ledger.serveOrder(served.id, 'digest', signatures, cardsOf(served), at);
  await ledger.close();
  const raw = new Database(path);
  raw.exec('DROP INDEX codes; DROP TABLE batches');
  for (const column of ['batch', 'serial', 'state']) raw.exec(`ALTER TABLE orders DROP COLUMN ${column}`);
  raw.pragma('user_version = 1');
  raw.pragma('wal_checkpoint(TRUNCATE)');
  raw.close();
  return { path, card, served, open };
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

describe('a SQLite ledger of the format before batches', () => {
  it('is brought up to this one when it is opened, with all that is in it, once', async () => {
    const old = await oldLedger();
    expect(versionOf(old.path)).toBe(1);
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
    const old = await oldLedger();
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
    expect(versionOf(copy)).toBe(1);
    const again = await openSqliteLedger({ path: copy });
    await check(again, old);
    await again.close();
    expect(versionOf(copy)).toBe(schemaVersion);
  });

  it('is refused and left as it is if it is damaged', async () => {
    const { path } = await oldLedger();
    writeFileSync(path, readFileSync(path).fill(0x55, 8192));
    const before = readFileSync(path);
    await expect(openSqliteLedger({ path })).rejects.toMatchObject({ code: 'storage-corrupt' });
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});
