import type { CardState } from '../../core/card-state.js';
import { decodeState, encodeReply, encodeState } from '../../node/sqlite/codec.js';
import type { CardEntry, ClaimRecord, Credited, CreditTo, StoredCard } from '../../server/ledger.js';
import { isOpen } from '../../server/ledger-memory.js';
import { claimOf, claimTables, findHolderRow, insertClaim } from './claims.js';
import {
  forget,
  hasMoves,
  insertNumbers,
  move,
  moveTables,
  nextReport,
  readNumbers,
  writeNumbers,
} from './moves.js';
import { bytesOf, type Row, type Store } from './platform.js';
import type { CardMessages, ClaimCount, OfficeMessages, Report } from './protocol.js';

/** One card and its claims, in an object of its own: payments with different cards never meet. */

const tables = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS card (
    id TEXT, message BLOB, key_id TEXT, master BLOB, protocol TEXT, scheme BLOB, expires INTEGER, state BLOB, version INTEGER);
  CREATE TABLE IF NOT EXISTS routes (name TEXT PRIMARY KEY) WITHOUT ROWID;
  -- A credit that the office was asked for, before its answer: until then nothing else moves the card.
  CREATE TABLE IF NOT EXISTS credit (state BLOB, tag TEXT, purpose TEXT, to_order TEXT);`;

export interface CardOptions {
  readonly clock: () => number;
  readonly handlerSeconds: number;
  readonly reportSeconds: number;
}

type Moved = Omit<Parameters<typeof move>[1], 'key'>;

export function createCard(
  store: Store,
  officeNamed: (ledger: string) => OfficeMessages,
  { clock, handlerSeconds, reportSeconds }: CardOptions,
): CardMessages & { wake(): Promise<void> } {
  let opening: Promise<unknown> = Promise.resolve();
  const unnamed = new Set<string>();
  let finishing: Promise<Credited> | undefined;

  let found = false;
  const exists = (): boolean =>
    (found ||= store.has('card') && store.first('SELECT 1 AS found FROM card') !== undefined);
  const office = (): OfficeMessages => officeNamed(store.meta('ledger') as string);
  const cardRow = (): Row => store.first('SELECT * FROM card')!;
  const versionNow = (): number => store.first('SELECT version FROM card')!['version'] as number;

  function stored(): StoredCard {
    const row = cardRow();
    const entry: CardEntry = {
      id: row['id'] as string,
      message: bytesOf(row['message']),
      keyId: row['key_id'] as string,
      master: bytesOf(row['master']),
      protocol: row['protocol'] as CardEntry['protocol'],
      scheme: bytesOf(row['scheme']),
      expires: row['expires'] as number,
    };
    const card = { entry, state: decodeState(bytesOf(row['state'])), version: row['version'] as number };
    return store.meta('held') === 1 ? { ...card, held: true } : card;
  }

  function find(tag: string): ClaimRecord | undefined {
    const row = store.first('SELECT * FROM claims WHERE tag = ?', tag);
    return row && claimOf(row, { now: clock(), handlerSeconds });
  }

  /** Does what moves something when the office knows that there will be a report of it: both without a wait between them. */
  async function moving<T>(work: () => T): Promise<T> {
    for (;;) {
      const { open, expected } = readNumbers(store);
      if (open <= expected) return store.transaction(work);
      await office().expect(cardRow()['id'] as string, open);
      writeNumbers(store, { expected: Math.max(open, readNumbers(store).expected) });
      await store.wakeIn(reportSeconds);
    }
  }

  function setState(next: CardState): void {
    store.run('UPDATE card SET state = ?, version = version + 1', encodeState(next));
  }

  function count(kind: ClaimCount, by: number): void {
    move(store, { kind, count: by });
  }

  const post = (moved: Moved): void => move(store, { ...moved, key: cardRow()['key_id'] as string });

  async function classOf(route: string): Promise<string> {
    if (route === '' || unnamed.has(route)) return '';
    if (store.first('SELECT name FROM routes WHERE name = ?', route)) return route;
    const name = await office().routeClass(route);
    if (name === '') unnamed.add(route);
    else store.run('INSERT OR IGNORE INTO routes VALUES (?)', name);
    return name;
  }

  /** Finishes the credit that was begun, if any: nothing else moves the card before. */
  async function ready(): Promise<boolean> {
    if (!exists()) return false;
    if (store.first('SELECT 1 AS found FROM credit')) await (finishing ??= finish());
    return true;
  }

  async function finish(): Promise<Credited> {
    try {
      const row = store.first('SELECT * FROM credit')!;
      const claim = find(row['tag'] as string)!;
      const { id, key_id: key } = cardRow() as { id: string; key_id: string };
      const to = { order: row['to_order'], purpose: row['purpose'] } as CreditTo;
      const request = { card: id, key, tag: claim.tag, to, units: claim.kept, at: claim.acceptedAt };
      const result = await office().credit(request);
      await moving(() => {
        store.run('DELETE FROM credit');
        if (result === 'closed') {
          store.run('DELETE FROM claims WHERE tag = ?', claim.tag);
          return;
        }
        store.run(`UPDATE claims SET status = 'settled' WHERE tag = ?`, claim.tag);
        setState(decodeState(bytesOf(row['state'])));
        count('#settled', 1);
      });
      return result;
    } finally {
      finishing = undefined;
    }
  }

  /** Brings to the books what is not in them. */
  async function push(): Promise<void> {
    while (hasMoves(store)) {
      const report = nextReport(store, readNumbers(store).applied);
      forget(store, await office().enter(cardRow()['id'] as string, report));
    }
  }

  async function openOnce(
    ledger: string,
    entry: CardEntry,
    state: CardState,
    at: number,
  ): Promise<StoredCard | 'quarantined'> {
    if (await ready()) return stored();
    if ((await officeNamed(ledger).register(entry.id, entry.keyId)) === 'quarantined') return 'quarantined';
    store.transaction(() => {
      createTables();
      store.setMeta('ledger', ledger);
      insertNumbers(store);
      const { id, message, keyId, master, protocol, scheme, expires } = entry;
      const values = [id, message, keyId, master, protocol, scheme, expires, encodeState(state)];
      store.run('INSERT INTO card VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)', ...values);
      post({ at, kind: 'opened', count: 1, units: state.units });
    });
    await store.wakeIn(reportSeconds);
    return stored();
  }

  function createTables(): void {
    for (const schema of [tables, claimTables, moveTables]) store.run(schema);
  }

  return {
    async open(ledger, entry, state, at) {
      const turn = opening.then(() => openOnce(ledger, entry, state, at));
      opening = turn.catch(() => {});
      return turn;
    },

    async read() {
      return (await ready()) ? stored() : undefined;
    },

    async accept(version, next, claim, session) {
      if (!(await ready()) || versionNow() !== version) return false;
      const record = { ...claim, route: await classOf(claim.route) };
      return moving(() => {
        if (!mayMove(version)) return false;
        setState(next);
        insertClaim(store, record, session, clock());
        const isReleased = claim.status === 'released';
        count(isReleased ? '#released' : '#pending', 1);
        const { acceptedAt: at, route, kept: units } = record;
        if (!isReleased) post({ at, kind: 'spent', route, count: 1, units });
        return true;
      });
    },

    async credit(version, next, claim, to) {
      if (!(await ready()) || versionNow() !== version) return 'stale';
      // The books have what the card was opened with before they have what left it.
      await push();
      if (!mayMove(version)) return 'stale';
      store.transaction(() => {
        insertClaim(store, { ...claim, route: '', status: 'settled' }, '', clock());
        store.run(
          'INSERT INTO credit VALUES (?, ?, ?, ?)',
          encodeState(next),
          claim.tag,
          to.purpose,
          to.order,
        );
      });
      await store.wakeIn(reportSeconds);
      return (finishing ??= finish());
    },

    async settle(tag, reply) {
      if (!(await ready()) || !find(tag)) return;
      await moving(() => {
        const claim = find(tag);
        if (!claim || claim.status === 'released' || (!isOpen(claim) && claim.reply)) return;
        const kept = reply ? encodeReply(reply) : null;
        store.run(`UPDATE claims SET status = 'settled', reply = ? WHERE tag = ?`, kept, tag);
        if (!isOpen(claim)) return;
        count('#pending', -1);
        count('#settled', 1);
      });
    },

    async giveBack(version, next, tag, kept) {
      if (!(await ready()) || versionNow() !== version) return false;
      return moving(() => {
        if (!mayMove(version)) return false;
        const claim = find(tag);
        if (!claim || !isOpen(claim)) return false;
        const status = kept === 0 ? 'released' : 'settled';
        store.run('UPDATE claims SET status = ?, kept = ? WHERE tag = ?', status, kept, tag);
        setState(next);
        count('#pending', -1);
        count(`#${status}`, 1);
        const { acceptedAt: at, route } = claim;
        post({ at, kind: 'spent', route, count: kept === 0 ? -1 : 0, units: kept - claim.kept });
        return true;
      });
    },

    async findClaim(tag) {
      return (await ready()) ? find(tag) : undefined;
    },

    async findIdempotent(name) {
      if (!(await ready())) return undefined;
      const query = `SELECT * FROM claims WHERE idempotency = ? AND status != 'released'`;
      const row = store.first(query, name);
      return row && claimOf(row, { now: clock(), handlerSeconds });
    },

    async findHolder(from, end) {
      if (!(await ready())) return undefined;
      const row = findHolderRow(store, cardRow()['protocol'] as 'chain' | 'stream', from, end);
      return row && claimOf(row, { now: clock(), handlerSeconds });
    },

    async interrupt(session) {
      if (!(await ready())) return;
      const query = `UPDATE claims SET status = 'interrupted' WHERE session = ? AND status = 'pending'`;
      store.run(query, session);
    },

    async purge(keysBefore, claimsBefore) {
      if (!(await ready())) return;
      await moving(() => {
        const isGone = 'accepted_at < ? AND challenge_expires < ? AND tag NOT IN (SELECT tag FROM credit)';
        const rows = store.run(
          `SELECT status, COUNT(*) AS count FROM claims WHERE ${isGone} GROUP BY status`,
          claimsBefore,
          claimsBefore,
        );
        for (const { status, count: gone } of rows) {
          const kind = status === 'interrupted' ? '#pending' : (`#${status as string}` as ClaimCount);
          count(kind, -(gone as number));
        }
        store.run(`DELETE FROM claims WHERE ${isGone}`, claimsBefore, claimsBefore);
        const erased = 'key = NULL, idempotency = NULL, print = NULL, reply = NULL';
        store.run(`UPDATE claims SET ${erased} WHERE accepted_at < ?`, keysBefore);
      });
    },

    async hold(held) {
      // The office knows the card from before it is here.
      createTables();
      store.setMeta('held', held ? 1 : 0);
    },

    async report(applied): Promise<Report | undefined> {
      return (await ready()) ? nextReport(store, applied) : undefined;
    },

    async wake() {
      if (await ready()) await push();
    },
  };

  /** Others may have moved it, or begun a credit, while this call waited. */
  function mayMove(version: number): boolean {
    return versionNow() === version && !store.first('SELECT 1 AS found FROM credit');
  }
}
