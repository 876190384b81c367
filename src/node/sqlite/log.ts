import type { CardState } from '../../core/card-state.js';
import type { ClaimRecord, StoredCard } from '../../server/ledger.js';
import { cardBound, type Account, type Accounts, type Claim, type Entry } from './accounts.js';
import type { ChainedRow, Linker } from './chain.js';
import { encodeIdempotency, encodeReply, encodeState } from './codec.js';
import type { Sums } from './recovery.js';
import { hashTag, kinds, type Kind } from './schema.js';
import type { Writes } from './statements.js';

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
  const { entry, version } = account.card;
  const moves = kind !== kinds.settle;
  if (moves) account.card = { entry, state: next, version: version + 1 };
  if (kind !== kinds.accept) claim.resolvedBy = seq;
  claim.record = record;
  return {
    seq,
    kind,
    account,
    claim,
    record,
    state: next,
    version: moves ? version + 1 : version,
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

/** A card as it was opened, and the journal's row of that. */
export interface Opening {
  readonly seq: number;
  readonly account: Account;
  readonly card: StoredCard;
  /** Unix seconds. */
  readonly at: number;
}

/** Writes rows of the journal, in their order. @returns the link of their group */
export function insertRows(
  { journal }: Writes,
  rows: readonly (Entry | Opening)[],
  linker: Linker,
  before: Uint8Array,
): Uint8Array {
  linker.begin();
  for (const logged of rows) {
    const row = 'kind' in logged ? rowOf(logged) : openingRow(logged);
    const { seq, slot, kind, claim, end, units, kept, tag, proof, safe, at, challenge_expires, route } = row;
    const { key, reply, idempotency } = row;
    linker.add(row);
    journal.add(
      seq,
      slot,
      kind,
      claim,
      end,
      units,
      kept,
      tag,
      proof,
      safe,
      key,
      reply,
      at,
      challenge_expires,
      route,
      idempotency,
    );
  }
  journal.flush();
  return linker.link(before);
}

interface NewRow extends ChainedRow {
  readonly key: Uint8Array | null;
  readonly reply: Uint8Array | null;
  readonly idempotency: Uint8Array | null;
}

function rowOf({ seq, kind, account, claim, record }: Entry): NewRow {
  const accepts = kind === kinds.accept;
  const { end, units, kept, tag, proof, safe, key, idempotency, reply, acceptedAt, challengeExpires } =
    record;
  return {
    seq,
    slot: account.slot,
    kind,
    claim: claim.seq,
    end: accepts ? end : null,
    units: accepts ? units : null,
    kept,
    tag: accepts ? tag : null,
    proof: accepts ? proof : null,
    safe: accepts ? Number(safe) : null,
    key: (accepts && key) || null,
    reply: kind === kinds.settle && reply ? encodeReply(reply) : null,
    at: acceptedAt,
    challenge_expires: challengeExpires,
    route: claim.route,
    idempotency: accepts && idempotency ? encodeIdempotency(idempotency) : null,
  };
}

function openingRow({ seq, account, card, at }: Opening): NewRow {
  const { message, keyId, expires } = card.entry;
  return {
    seq,
    slot: account.slot,
    kind: kinds.open,
    claim: seq,
    end: expires,
    units: card.state.units,
    kept: 0,
    tag: keyId,
    proof: message,
    safe: null,
    key: null,
    reply: null,
    at,
    challenge_expires: at,
    route: 0,
    idempotency: null,
  };
}

/** @param place the first row that may not be folded, the last one there is, and the first that has a key or a reply */
export function writeProgress(
  { progress }: Writes,
  place: readonly [tail: number, seq: number, erased: number],
  { orders, ordersServed, cards, units, spent, settled, pending, released }: Sums,
): void {
  progress.run(...place, orders, ordersServed, cards, units, spent, settled, pending, released);
}

/** Entries of one card folded at once at most. */
const cardShare = 64;

/**
 * Folds the oldest entries, a card at a time, until `keep` are left or about `budget` are folded, and some of each card in
 * `busy` that has too many.
 *
 * @returns the cards whose rows changed
 */
export function foldOldest(
  writes: Writes,
  accounts: Accounts,
  busy: readonly Entry[],
  keep: number,
  budget: number,
): Account[] {
  const touched: Account[] = [];
  for (const { account } of busy) {
    if (account.unfolded < cardBound) continue;
    foldCard(writes, accounts, account);
    touched.push(account);
  }
  for (let folded = 0; accounts.unfolded > keep && folded < budget;) {
    const { account } = accounts.oldest!;
    folded += foldCard(writes, accounts, account);
    touched.push(account);
  }
  writes.claims.flush();
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

/** The index says what is true now, and so may be ahead of the entry: this transaction makes it durable. */
function foldClaim(writes: Writes, { kind, account, claim }: Entry): void {
  const { seq, resolvedBy } = claim;
  const { tag, end, units, kept } = claim.record;
  if (kind === kinds.accept) {
    const resolved = resolvedBy === 0 ? null : resolvedBy;
    writes.claims.add(account.slot, end, seq, units, kept, resolved, hashTag(tag));
  } else if (claim.indexedAs !== resolvedBy) {
    writes.resolveClaim.run(resolvedBy, kept, account.slot, end, seq);
  }
  claim.indexedAs = resolvedBy;
}
