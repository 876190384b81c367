import type { Database } from 'better-sqlite3';
import {
  checkCard,
  checkOpened,
  nameOf,
  numbersOf,
  redo,
  undo,
  type AuditCard,
  type CardTerms,
  type CardWork,
} from './card.js';
import type { ChainReport } from './chain.js';
import { journalAfter, journalBackward, journalRow, kindOf, wrong, type AuditRow } from './reader.js';

/** All cards against the journal. */

export interface CardsReport {
  readonly cards: number;
  /** Units of all cards opened, and those spent, by the end of the journal. */
  readonly byKey: ReadonlyMap<
    string,
    { readonly count: number; readonly units: number; readonly spent: number }
  >;
}

export interface CardsOptions {
  readonly chain: ChainReport;
  /** Rows before it are folded into the rows of the cards. */
  readonly tail: number;
  /** The row that opens each card, by slot. */
  readonly opened: ReadonlyMap<number, number>;
  /** What issuing keys say of their cards; a key that is not there is not compared. */
  readonly terms: ReadonlyMap<string, CardTerms>;
  readonly onRow: () => void;
  readonly onCard: () => void;
}

/** @throws ImpulsError `malformed` that names the first card or row that is wrong */
export function checkCards(db: Database, options: CardsOptions): CardsReport {
  const find = db.prepare<[number], AuditCard>('SELECT * FROM cards WHERE slot = ?');
  const rowAt = journalRow(db);
  const works = new Map<number, CardWork>();
  const checked = new Set<number>();
  const closed = new Set<number>();
  const spentNow = new Map<number, number>();

  function workOf(slot: number, where: string): CardWork {
    const known = works.get(slot);
    if (known) return known;
    const card = find.get(slot);
    if (!card) throw wrong(where, 'its card is missing');
    const work = checkCard(card, options.terms.get(card.key_id));
    works.set(slot, work);
    checked.add(slot);
    return work;
  }

  /** The row that accepted the claim of a row; undefined where it was purged. */
  function acceptedOf(row: AuditRow): AuditRow | undefined {
    if (row.kind === kindOf.accept) return row;
    const found = row.claim < row.seq ? rowAt.get(row.claim) : undefined;
    if (found?.kind === kindOf.accept) return found;
    if (!found && row.claim <= options.chain.purgedTo) return undefined;
    throw wrong(`row ${row.seq} of the journal`, 'the claim that it resolves was never accepted');
  }

  for (const row of journalAfter(db, options.tail - 1)) {
    if (row.kind === kindOf.open) continue;
    const work = workOf(row.slot, `row ${row.seq} of the journal`);
    const accepted = row.seq > work.card.seq ? acceptedOf(row) : undefined;
    if (!accepted || row.kind === kindOf.settle) continue;
    const moved = redo(work, row, accepted);
    works.set(row.slot, moved);
    spentNow.set(row.slot, moved.spent);
  }
  // Backwards it begins with what the rows of the cards say.
  works.clear();

  const cut = new Set<number>();
  for (const row of journalBackward(db)) {
    options.onRow();
    const where = `row ${row.seq} of the journal`;
    if (closed.has(row.slot)) throw wrong(where, 'its card was opened later');
    const work = workOf(row.slot, where);
    if (row.kind === kindOf.open) {
      if (!cut.has(row.slot)) checkOpened(work);
      works.delete(row.slot);
      closed.add(row.slot);
      continue;
    }
    if (row.seq > work.card.seq || row.kind === kindOf.settle || cut.has(row.slot)) continue;
    const accepted = acceptedOf(row);
    if (accepted) undo(work, row, accepted);
    else cut.add(row.slot);
  }

  return sumCards(db, options, checked, spentNow);
}

/** Looks at the cards that the journal does not name any more too, and adds all of them up. */
function sumCards(
  db: Database,
  { chain, opened, terms, onCard }: CardsOptions,
  checked: ReadonlySet<number>,
  spentNow: ReadonlyMap<number, number>,
): CardsReport {
  const byKey = new Map<string, { count: number; units: number; spent: number }>();
  const isWhole = chain.purgedTo === 0 && opened.get(1) === 1;
  let lastOpened = isWhole ? 0 : undefined;
  let cards = 0;
  for (const card of db.prepare<[], AuditCard>('SELECT * FROM cards ORDER BY slot').iterate()) {
    onCard();
    cards++;
    if (card.seq > (chain.head?.seq ?? 0)) throw wrong(nameOf(card), 'it is ahead of the journal');
    const openedBy = opened.get(card.slot);
    if (openedBy === undefined && lastOpened !== undefined && lastOpened >= chain.purgedTo) {
      throw wrong(nameOf(card), 'the journal does not tell that it was opened');
    }
    lastOpened = openedBy ?? lastOpened;
    if (!checked.has(card.slot)) checkCard(card, terms.get(card.key_id));
    const sum = byKey.get(card.key_id) ?? { count: 0, units: 0, spent: 0 };
    const { units, spent } = numbersOf(card);
    sum.count++;
    sum.units += units;
    sum.spent += spentNow.get(card.slot) ?? spent;
    byKey.set(card.key_id, sum);
  }
  return { cards, byKey };
}
