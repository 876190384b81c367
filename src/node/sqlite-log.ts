import type { CardState } from '../core/card-state.js';
import type { ClaimRecord, StoredCard } from '../server/ledger.js';
import {
  dropClaim,
  keepClaim,
  type Account,
  type Accounts,
  type Claim,
  type Entry,
} from './sqlite-accounts.js';
import { encodeReply, encodeState, isPlainAdvance } from './sqlite-codec.js';
import { hashTag, kinds, type Kind } from './sqlite-schema.js';
import { journalColumns, rowsAtOnce, type Writes } from './sqlite-statements.js';

/** How entries of the journal come to be, are written, and are folded into the rows of their cards. */

/** Moves a card and a claim in memory; the entry is what makes it durable. */
export function createEntry(
  account: Account,
  seq: number,
  kind: Kind,
  claim: Claim,
  record: ClaimRecord,
  next: CardState,
): Entry {
  const { entry, state, version } = account.card;
  const moves = kind !== kinds.settle;
  const carriesState =
    kind === kinds.giveBack ||
    (kind === kinds.accept && !(entry.protocol === 'chain' && isPlainAdvance(state, next, record)));
  if (moves) account.card = { entry, state: next, version: version + 1 };
  if (kind !== kinds.accept) claim.resolvedBy = seq;
  claim.record = record;
  keepClaim(account, claim);
  return {
    seq,
    kind,
    account,
    claim,
    record,
    state: next,
    version: moves ? version + 1 : version,
    carriesState,
    folded: false,
    nextOfCard: undefined,
    next: undefined,
  };
}

/** @param card as it was opened */
export function insertCard(writes: Writes, slot: number, { entry, state, version }: StoredCard): void {
  writes.insertCard.run(
    slot,
    entry.id,
    entry.message,
    entry.keyId,
    entry.master,
    entry.protocol,
    entry.scheme,
    entry.expires,
    encodeState(state),
    version,
  );
}

const values: unknown[] = new Array(rowsAtOnce * journalColumns);
const value: unknown[] = new Array(journalColumns);

export function insertEntries(writes: Writes, entries: readonly Entry[]): void {
  let i = 0;
  for (; i + rowsAtOnce <= entries.length; i += rowsAtOnce) {
    for (let k = 0; k < rowsAtOnce; k++) fillRow(values, k * journalColumns, entries[i + k]!);
    writes.rows.run(values);
  }
  for (; i < entries.length; i++) {
    fillRow(value, 0, entries[i]!);
    writes.row.run(value);
  }
}

/** In the order of the table's columns. */
function fillRow(
  out: unknown[],
  at: number,
  { seq, kind, account, claim, record, state, carriesState }: Entry,
) {
  const accept = kind === kinds.accept;
  out[at++] = seq;
  out[at++] = account.slot;
  out[at++] = kind;
  out[at++] = claim.seq;
  out[at++] = accept ? record.end : null;
  out[at++] = accept ? record.units : null;
  out[at++] = record.kept;
  out[at++] = accept ? record.tag : null;
  out[at++] = accept ? record.proof : null;
  out[at++] = accept ? Number(record.safe) : null;
  out[at++] = accept ? (record.key ?? null) : null;
  out[at++] = kind === kinds.settle && record.reply ? encodeReply(record.reply) : null;
  out[at++] = carriesState ? encodeState(state) : null;
  out[at++] = record.acceptedAt;
  out[at++] = record.challengeExpires;
}

/** Entries of one card folded at once at most. */
const cardShare = 64;

/**
 * Folds the oldest entries, a card at a time, until `keep` are left or about `budget` are folded.
 *
 * @returns the cards whose rows changed
 */
export function foldOldest(writes: Writes, accounts: Accounts, keep: number, budget: number): Account[] {
  const touched: Account[] = [];
  for (let folded = 0; accounts.unfolded > keep && folded < budget;) {
    const { account } = accounts.oldest!;
    folded += foldCard(writes, accounts, account);
    touched.push(account);
  }
  return touched;
}

function foldCard(writes: Writes, accounts: Accounts, account: Account): number {
  let folded = 0;
  let last: Entry | undefined;
  while (account.first && folded < cardShare) {
    last = accounts.shift(account)!;
    foldClaim(writes, last);
    folded++;
  }
  if (last) {
    writes.foldCard.run(encodeState(last.state), last.version, last.seq, account.slot);
    account.indexed = true;
  }
  return folded;
}

/** The index has what is true now, which this transaction makes durable; a later entry of the claim only says it again. */
function foldClaim(writes: Writes, { kind, account, claim }: Entry): void {
  const { tag, end, units, kept } = claim.record;
  if (kind === kinds.accept) {
    const resolved = claim.resolvedBy === 0 ? null : claim.resolvedBy;
    writes.insertClaim.run(account.slot, end, claim.seq, units, kept, resolved, hashTag(tag));
  } else {
    writes.resolveClaim.run(claim.resolvedBy, kept, account.slot, end, claim.seq);
  }
  dropClaim(account, claim);
}
