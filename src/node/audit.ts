import type { Database } from 'better-sqlite3';
import { isImpulsError } from '../core/errors.js';
import { dayOf } from '../server/index.js';
import { checkBooks, createPostings } from './auditing/books.js';
import { checkOpening, type AuditCard, type CardTerms } from './auditing/card.js';
import { checkCards } from './auditing/cards.js';
import { checkChain, type ChainHead, type ChainReport } from './auditing/chain.js';
import { checkIndexes } from './auditing/indexes.js';
import { journalRow, kindOf, openAuditFile, wrong, type AuditRow } from './auditing/reader.js';
import { storageError } from './sqlite/files.js';

export type { ChainHead } from './auditing/chain.js';

export interface AuditOptions {
  /** What issuing keys say of their cards, by id; cards of other keys are not compared. Default: none. */
  readonly terms?: ReadonlyMap<string, CardTerms>;
  /** A head that was noted before: the chain must still lead to it. */
  readonly expect?: ChainHead | undefined;
  readonly onProgress?: (step: AuditStep, done: number, total: number) => void;
}

/** `links`: the chain of hashes. `cards`: every row against its card, back to its anchor. `books`: all sums. */
export type AuditStep = 'links' | 'cards' | 'books';

export interface AuditReport {
  /** What is wrong, and where it is first; absent if all holds. */
  readonly fault?: string;
  /** To be noted, and expected at the next audit; absent for a ledger that was never written. */
  readonly head?: ChainHead;
  readonly groups: number;
  readonly rows: number;
  /** Groups whose rows were purged: of them the link is left. */
  readonly purged: number;
  readonly cards: number;
}

/**
 * Checks a ledger's file, beside a server that goes on writing: that no row of its journal was changed, removed, added or moved;
 * that the rows make the cards, and every link of `chain` hashes down to the card's anchor; that the books agree with the cards
 * and the orders to the unit.
 *
 * @throws ImpulsError `invalid-argument` where there is no ledger, `unsupported` for one of an earlier format, `storage-corrupt`
 *   for what SQLite cannot read, `storage-failed`
 */
export async function auditLedger(path: string, options: AuditOptions = {}): Promise<AuditReport> {
  const file = await openAuditFile(path);
  try {
    return audit(file.db, options);
  } catch (error) {
    throw storageError(error);
  } finally {
    file.close();
  }
}

function audit(
  db: Database,
  { terms = new Map(), expect, onProgress = () => {} }: AuditOptions,
): AuditReport {
  const found: { chain?: ChainReport; cards?: number } = {};
  const report = (): Omit<AuditReport, 'fault'> => {
    const { head, groups = 0, rows = 0, purged = 0 } = found.chain ?? {};
    return { ...(head && { head }), groups, rows, purged, cards: found.cards ?? 0 };
  };
  try {
    check(db, terms, expect, onProgress, found);
    return report();
  } catch (error) {
    if (!isImpulsError(error, 'malformed')) throw error;
    return { fault: error.message, ...report() };
  }
}

function check(
  db: Database,
  terms: ReadonlyMap<string, CardTerms>,
  expect: ChainHead | undefined,
  onProgress: NonNullable<AuditOptions['onProgress']>,
  found: { chain?: ChainReport; cards?: number },
): void {
  const total = (table: string): number =>
    db.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get()!;
  const [rows, cards] = [total('journal'), total('cards')];
  const counter = (step: AuditStep, of: number): (() => void) => {
    let done = 0;
    const every = Math.max(1, Math.floor(of / 200));
    return () => {
      if (++done % every === 0 || done === of) onProgress(step, done, of);
    };
  };
  const progress = db.prepare<[], ProgressRow>('SELECT * FROM progress').get();
  if (!progress) throw wrong('the ledger', 'its progress is missing');

  const findCard = db.prepare<[number], AuditCard>('SELECT * FROM cards WHERE slot = ?');
  const rowAt = journalRow(db);
  const postings = createPostings(db, progress.seq, (row) => rowAt.get(row.claim));
  const opened = new Map<number, number>();
  let firstKept: AuditRow | undefined;
  const onLink = counter('links', rows);
  const chain = checkChain(db, expect, (row) => {
    onLink();
    firstKept ??= row;
    postings.add(row);
    if (row.kind !== kindOf.open) return;
    const card = findCard.get(row.slot);
    if (!card || opened.has(row.slot)) {
      throw wrong(
        `row ${row.seq} of the journal`,
        card ? 'its card was opened before' : 'its card is missing',
      );
    }
    checkOpening(card, row);
    opened.set(row.slot, row.seq);
  });
  found.chain = chain;
  if (progress.seq > (chain.head?.seq ?? 0)) throw wrong('the journal', 'its end is missing');

  const onStep = counter('cards', rows + cards);
  const { tail } = progress;
  const made = checkCards(db, { chain, tail, opened, terms, onRow: onStep, onCard: onStep });
  found.cards = made.cards;

  onProgress('books', 0, 1);
  checkBooks(db, made, postings, wholeFrom(db, chain, opened));
  checkIndexes(db, progress, made, postings);
  onProgress('books', 1, 1);
}

/** As far as the audit needs it. */
export interface ProgressRow {
  readonly tail: number;
  readonly seq: number;
  readonly orders: number;
  readonly orders_served: number;
  readonly cards: number;
  readonly units: number;
  readonly spent: number;
}

/** The first day of which no row was purged, nor written before there was a chain. */
function wholeFrom(db: Database, { purgedTo }: ChainReport, opened: ReadonlyMap<number, number>): number {
  if (purgedTo === 0 && opened.get(1) === 1) return 0;
  const first = db
    .prepare<[number], number | null>('SELECT min(at) FROM journal WHERE kind IN (0, 3) AND seq > ?')
    .pluck()
    .get(purgedTo);
  // A clock may have been set back by an hour.
  return first === null || first === undefined ? Infinity : dayOf(first + 3600) + 1;
}
