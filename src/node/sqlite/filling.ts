import { rmSync } from 'node:fs';
import type { ClaimRecord, StoredCard, Totals } from '../../server/ledger.js';
import type { HeldOrder } from '../../server/ledger-orders.js';
import { Inventorist, type Inventory, type LedgerContents, type LedgerRecord } from '../moving/records.js';
import { firstLink, Linker, type ChainedRow } from './chain.js';
import { encodeIdempotency, encodeItems, encodeList, encodeReply, encodeState } from './codec.js';
import { loadDriver, openForWriting, prepareFile, storageError, type Connection } from './files.js';
import { writeProgress } from './log.js';
import { orderStates, purposes } from './records.js';
import { creditRoutes, Routes } from './routes.js';
import { hashTag, kinds, type Kind } from './schema.js';
import { prepareWrites, type Writes } from './statements.js';

/** Rows of the journal that one link is made of. */
const rowsOfGroup = 1000;
/** After so many records the event loop turns. */
const recordsAtOnce = 1000;

/**
 * Makes a ledger's file of what another ledger holds. Its journal tells of the claims that are known, not of how cards were opened; and says so
 * by a group after them that is purged: only what comes then is whole.
 *
 * @param path where no file is; after a failure there is none
 * @param onProgress told how many records are written
 * @returns what was written
 * @throws ImpulsError `storage-corrupt`, `storage-failed`
 */
export async function fillSqliteLedger(
  path: string,
  contents: LedgerContents,
  onProgress: (done: number) => void = () => {},
): Promise<Inventory> {
  const driver = await loadDriver();
  try {
    prepareFile(driver, path);
    const connection = openForWriting(driver, path);
    try {
      return await fill(connection, contents, onProgress);
    } finally {
      connection.close();
    }
  } catch (error) {
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
    throw storageError(error);
  }
}

async function fill(
  connection: Connection,
  contents: LedgerContents,
  onProgress: (done: number) => void,
): Promise<Inventory> {
  const inventorist = new Inventorist();
  const writer = new Filling(connection);
  let done = 0;
  connection.exec('BEGIN IMMEDIATE');
  for await (const record of contents.read()) {
    writer.add(record);
    inventorist.add(record);
    if (++done % recordsAtOnce > 0) continue;
    onProgress(done);
    await new Promise((resolve) => setImmediate(resolve));
  }
  writer.end();
  connection.exec('COMMIT');
  connection.pragma('wal_checkpoint(TRUNCATE)');
  onProgress(done);
  return inventorist.inventory;
}

class Filling {
  readonly #connection: Connection;
  readonly #writes: Writes;
  readonly #slots = new Map<string, number>();
  readonly #routes = new Routes();
  readonly #linker = new Linker();
  #link = firstLink;
  #seq = 0;
  #grouped = 0;
  #totals: Totals | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#writes = prepareWrites(connection);
  }

  add(record: LedgerRecord): void {
    switch (record.kind) {
      case 'batch': {
        const { number, label, items, created, expires, codes } = record.batch;
        const { printed, active, void: voided, redeemed } = codes;
        this.#insert('batches', [
          ...[number, label, encodeItems(items), created, expires],
          ...[printed, active, voided, redeemed],
        ]);
        break;
      }
      case 'order':
        this.#insert('orders', orderColumns(record.order));
        break;
      case 'card':
        this.#addCard(record.card);
        break;
      case 'claim':
        this.#addClaim(record.card, record.claim, record.credit && creditRoutes[record.credit]);
        break;
      case 'movement': {
        const { day, kind, key, route, count, units } = record.movement;
        this.#writes.addToBooks.run(day, kind, key, route, count, units);
        break;
      }
      case 'quarantine':
        this.#writes.insertQuarantine.run(record.key);
        break;
      case 'totals':
        this.#totals = record.totals;
        break;
    }
  }

  end(): void {
    this.#writes.journal.flush();
    this.#writes.claims.flush();
    this.#group();
    this.#writes.insertGroup.run(++this.#seq, this.#linker.link(this.#link), 1);
    this.#connection
      .prepare('UPDATE cards SET seq = ? WHERE slot IN (SELECT slot FROM claims)')
      .run(this.#seq);
    const { orders = 0, ordersServed = 0, cards = 0, units = 0, spent = 0, claims } = this.#totals ?? {};
    const { settled = 0, pending = 0, released = 0 } = claims ?? {};
    const sums = { orders, ordersServed, cards, units, spent, settled, pending, released };
    writeProgress(this.#writes, [this.#seq + 1, this.#seq, 1], sums);
  }

  #addCard({ entry, state, version }: StoredCard): void {
    const slot = this.#slots.size + 1;
    this.#slots.set(entry.id, slot);
    const { id, message, keyId, master, protocol, scheme, expires } = entry;
    this.#writes.insertCard.run(
      ...[slot, id, message, keyId, master, protocol, scheme, expires],
      ...[encodeState(state), version],
    );
  }

  #addClaim(card: string, claim: ClaimRecord, credit: number | undefined): void {
    const slot = this.#slots.get(card)!;
    const { tag, end, units, kept, proof, safe, acceptedAt: at, challengeExpires, status } = claim;
    const route = credit ?? this.#routeOf(claim.route);
    const common = { slot, kept, at, challenge_expires: challengeExpires, route };
    const seq = ++this.#seq;
    const accepting = {
      ...common,
      seq,
      kind: kinds.accept,
      claim: seq,
      end,
      units,
      tag,
      proof,
      safe: Number(safe),
    };
    const idempotency = claim.idempotency ? encodeIdempotency(claim.idempotency) : null;
    this.#addRow(accepting, claim.key ?? null, null, idempotency);
    let resolved: number | null = null;
    if (status === 'settled' && credit === undefined) {
      resolved = ++this.#seq;
      const nothing = { end: null, units: null, tag: null, proof: null, safe: null };
      const settling = { ...common, ...nothing, seq: resolved, kind: kinds.settle, claim: seq };
      this.#addRow(settling, null, claim.reply ? encodeReply(claim.reply) : null, null);
    }
    this.#writes.claims.add(slot, end, seq, units, kept, resolved, hashTag(tag));
    if (this.#seq - this.#grouped >= rowsOfGroup) this.#group();
  }

  #addRow(
    row: ChainedRow & { readonly kind: Kind },
    key: Uint8Array | null,
    reply: Uint8Array | null,
    idempotency: Uint8Array | null,
  ): void {
    this.#linker.add(row);
    const { seq, slot, kind, claim, end, units, kept, tag, proof, safe, at, challenge_expires, route } = row;
    this.#writes.journal.add(
      ...[seq, slot, kind, claim, end, units, kept, tag, proof, safe],
      ...[key, reply, at, challenge_expires, route, idempotency],
    );
  }

  #group(): void {
    if (this.#seq === this.#grouped) return;
    this.#link = this.#linker.link(this.#link);
    this.#writes.insertGroup.run(this.#seq, this.#link, 0);
    this.#grouped = this.#seq;
  }

  #routeOf(name: string): number {
    const known = this.#routes.numberOf(name);
    if (known !== undefined) return known;
    const id = this.#routes.add(name);
    this.#writes.insertRoute.run(id, name);
    return id;
  }

  #insert(table: string, row: readonly unknown[]): void {
    const places = Array(row.length).fill('?').join(', ');
    this.#connection.prepare(`INSERT INTO ${table} VALUES (${places})`).run(...row);
  }
}

/** In the order of the columns of `orders`. */
function orderColumns(order: HeldOrder): unknown[] {
  const { id, items, state, stopped, isolated, code, credit, served } = order;
  return [
    ...[id, encodeItems(items), served?.digest ?? null, served ? encodeList(served.signatures) : null],
    ...[code?.batch ?? null, code?.serial ?? null, orderStates.indexOf(state)],
    (stopped ? 1 : 0) | (isolated ? 2 : 0),
    ...[credit ? purposes.indexOf(credit.purpose) : null, credit?.units ?? null],
    ...[credit?.at ?? null, credit?.paid ?? null],
  ];
}
