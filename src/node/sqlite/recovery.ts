import { malformed } from '../../core/errors.js';
import { protocols } from '../../core/protocol.js';
import { Books } from '../../server/ledger-books.js';
import type { ClaimRecord, MovementKind } from '../../server/ledger.js';
import { createAccount, type Account, type Accounts, type Claim, type Entry } from './accounts.js';
import { acceptedOf, cardOf, claimOf, resolvedOf } from './records.js';
import { firstLink } from './chain.js';
import { creditRoutes, Routes } from './routes.js';
import { kinds, type JournalRow } from './schema.js';
import type { Reads } from './statements.js';

/** Running sums of what the ledger holds, see `Totals`. */
export interface Sums {
  orders: number;
  ordersServed: number;
  cards: number;
  units: number;
  spent: number;
  settled: number;
  pending: number;
  released: number;
}

export interface Recovered {
  readonly sums: Sums;
  /** What is not in the books of the file yet. */
  readonly books: Books;
  readonly routes: Routes;
  /** Keys that are quarantined. */
  readonly isolated: ReadonlySet<string>;
  /** Of the last group. */
  readonly link: Uint8Array;
  readonly lastSeq: number;
  readonly lastSlot: number;
  /** Before this row no key and no reply is left. */
  readonly erased: number;
  /** The first row of this process. */
  readonly session: number;
}

/**
 * Reads what a ledger must know before it serves, and replays the end of the journal, which is not folded into the rows
 * of the cards, into `accounts`. Only reads.
 *
 * @param session the first row of this process, if it has been running already
 * @param floor no card comes back with a lower version
 * @throws ImpulsError `malformed`, or what SQLite throws
 */
export function recover(
  reads: Reads,
  accounts: Accounts,
  session: number | undefined,
  floor: number,
): Recovered {
  const progress = reads.progress.get();
  if (!progress) throw malformed('no progress');
  const lastGroup = reads.lastGroup.get();
  const lastSeq = Math.max(progress.seq, reads.lastSeq.get() ?? 0, lastGroup?.last ?? 0);
  const routes = new Routes(reads.routes.all());
  const books = new Books();
  const first = session ?? lastSeq + 1;
  const { orders, orders_served: ordersServed, cards, units, spent, settled, pending, released } = progress;
  const sums: Sums = { orders, ordersServed, cards, units, spent, settled, pending, released };

  const touched = new Map<number, { readonly account: Account; readonly foldedTo: number }>();
  const claims = new Map<number, Claim>();
  for (const row of reads.tail.iterate(progress.tail)) {
    // Cards are inserted with their rows.
    if (row.kind === kinds.open) continue;
    const { account, foldedTo } = touched.get(row.slot) ?? readAccount(reads, row.slot);
    touched.set(row.slot, { account, foldedTo });
    if (row.seq <= foldedTo) continue;
    const claim = claims.get(row.claim) ?? readClaim(reads, row, first, routes);
    claims.set(row.claim, claim);
    const claimBefore = row.kind === kinds.accept ? undefined : claim.record;
    const { spent } = account.card.state;
    const entry = replay(account, claim, row);
    accounts.append(entry);
    if (row.seq <= progress.seq) continue;
    addToSums(sums, claimBefore, entry.record, entry.state.spent - spent);
    postClaim(books, account.card.entry.keyId, claim.route, claimBefore, entry.record);
  }
  for (const { account } of touched.values()) {
    const { entry, state, version } = account.card;
    account.card = { entry, state, version: Math.max(version, floor) };
  }
  return {
    sums,
    books,
    routes,
    isolated: new Set(reads.quarantined.all()),
    link: lastGroup ? new Uint8Array(lastGroup.link) : firstLink,
    lastSeq,
    lastSlot: reads.lastSlot.get() ?? 0,
    erased: progress.erased,
    session: first,
  };
}

function readAccount(reads: Reads, slot: number): { account: Account; foldedTo: number } {
  const row = reads.cardBySlot.get(slot);
  if (!row) throw malformed('a journal row of no card');
  return { account: createAccount(slot, cardOf(row), row.seq > 0), foldedTo: row.seq };
}

/** Moves the card and the claim by the same rules as when the row was written. */
function replay(account: Account, claim: Claim, row: JournalRow): Entry {
  const { entry, state: before, version } = account.card;
  const scheme = protocols[entry.protocol].decodeScheme(entry.scheme);
  const { record } = claim;
  let state = before;
  if (row.kind === kinds.accept) {
    state = scheme.giveBack(scheme.retake(before, record), record, record.units, record.kept);
  } else {
    if (row.kind === kinds.giveBack) state = scheme.giveBack(before, record, record.kept, row.kept);
    claim.record = resolvedOf(record, row.kind, row.kept, row.reply);
    claim.resolvedBy = row.seq;
  }
  const next = row.kind === kinds.settle ? version : version + 1;
  account.card = { entry, state, version: next };
  return {
    seq: row.seq,
    kind: row.kind,
    account,
    claim,
    record: claim.record,
    state,
    version: next,
    folded: false,
    nextOfCard: undefined,
    next: undefined,
  };
}

/** The claim of a row before that row, if no row replayed before it touched it. */
function readClaim(reads: Reads, journalRow: JournalRow, session: number, routes: Routes): Claim {
  const { slot, seq, claim, kind, route } = journalRow;
  if (kind === kinds.accept) {
    const record = acceptedOf(journalRow, session, routes);
    return { seq, record, route, resolvedBy: 0, indexedAs: undefined };
  }
  const end = reads.endOfClaim.get(claim);
  const row = end === undefined ? undefined : reads.claimBySeq.get(slot, end, claim);
  if (!row) throw malformed('a claim resolved that was never accepted');
  const found = claimOf(row, session, routes);
  // The index may know already what this row does; the acceptance says what the claim held before.
  return { ...found, record: { ...found.record, kept: row.kept } };
}

/**
 * Counts what an entry of the journal changes.
 *
 * @param before undefined if the entry accepts the claim
 * @param spent by how much the card's `spent` rose
 */
export function addToSums(
  sums: Sums,
  before: ClaimRecord | undefined,
  after: ClaimRecord,
  spent: number,
): void {
  sums.spent += spent;
  if (before) sums[fateOf(before)]--;
  sums[fateOf(after)]++;
}

function fateOf({ status }: ClaimRecord): 'pending' | 'settled' | 'released' {
  return status === 'interrupted' ? 'pending' : status;
}

/** Posts what an entry of the journal moves, on the day of its claim. @param before undefined if it accepts the claim */
export function postClaim(
  books: Books,
  key: string,
  route: number,
  before: ClaimRecord | undefined,
  after: ClaimRecord,
): void {
  const units = after.kept - (before?.kept ?? 0);
  const isReleased = after.status === 'released';
  const count = before ? (isReleased ? -1 : 0) : isReleased ? 0 : 1;
  if (units === 0 && count === 0) return;
  books.post({ at: after.acceptedAt, kind: kindOf(route), key, route: after.route, count, units });
}

function kindOf(route: number): MovementKind {
  if (route === creditRoutes.exchange) return 'exchanged';
  return route === creditRoutes.refund ? 'refunded' : 'spent';
}
