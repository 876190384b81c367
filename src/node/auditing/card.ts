import { createHash } from 'node:crypto';
import { toBase64url } from '../../core/base64url.js';
import { Reader } from '../../core/bytes.js';
import { isImpulsError } from '../../core/errors.js';
import { Ladder } from './links.js';
import { covers, lengthOf, meets, withoutRange, withRange, type Range } from './ranges.js';
import { kindOf, wrong, type AuditRow } from './reader.js';

/** One card: its row against itself, and against what the journal says of it (docs/spec.md §3, §6). */

export interface AuditCard {
  readonly slot: number;
  readonly id: string;
  readonly message: Uint8Array;
  readonly key_id: string;
  readonly master: Uint8Array;
  readonly protocol: string;
  readonly scheme: Uint8Array;
  readonly expires: number;
  readonly state: Uint8Array;
  readonly version: number;
  readonly seq: number;
}

/** What an issuing key says of its cards. */
export interface CardTerms {
  readonly denomination: number;
  readonly expires: number;
}

/** A card on its way through the journal. */
export interface CardWork {
  readonly card: AuditCard;
  readonly units: number;
  readonly top: number;
  /** `chain` only. */
  readonly ladder?: Ladder | undefined;
  spent: number;
  /** Up to `top`, what nobody holds. */
  free: Range[];
  /** Rows of the journal that changed it. */
  moves: number;
  highest: number;
}

/**
 * Checks what a row of `cards` says by itself: the numbers of its state, and of `chain` every link down to the anchor, and the
 * anchor by the card's own name.
 *
 * @throws ImpulsError `malformed`
 */
export function checkCard(card: AuditCard, terms: CardTerms | undefined): CardWork {
  const where = nameOf(card);
  const fail = (what: string) => wrong(where, what);
  const id = toBase64url(sha256('impuls/1 card id', card.message).subarray(0, 16));
  if (id !== card.id) throw fail('its name is not that of its message');
  const state = decode(card.state, where);
  const { units, spent, top, gaps } = state;
  if (terms && (terms.denomination !== units || terms.expires !== card.expires)) {
    throw fail('its units or its expiry are not those of its issuing key');
  }
  const merged = gaps.reduce<Range[]>((ranges, gap) => withRange(ranges, gap), []);
  const ordered = gaps.every(({ from, to }, i) => from < to && from >= (gaps[i - 1]?.to ?? 0) && to <= top);
  if (!ordered) throw fail('its gaps are out of order');
  const work = { card, units, top, spent, free: merged, moves: 0, highest: 0 };
  if (card.protocol === 'stream') {
    if (spent > units || !gaps.every(({ from, to }) => to === from + 1)) throw fail('its state is none');
    return work;
  }
  if (card.protocol !== 'chain' || card.scheme.length !== 12 || state.tip.length !== 32) {
    throw fail('it is of no protocol');
  }
  if (top > units || top > 1 << 20 || spent !== top - lengthOf(merged)) {
    throw fail('what it spent is not what is held below its highest unit');
  }
  const ladder = new Ladder(card.scheme, top, state.tip);
  const message = sha256('impuls/1 card', Uint8Array.of(1), card.scheme, ladder.at(0), card.master);
  if (!message.equals(card.message)) throw fail('its highest link does not hash down to its anchor');
  for (const { to, value } of gaps) {
    if (!Buffer.from(ladder.at(to)).equals(value))
      throw fail(`the link of its gap at unit ${to} does not hold`);
  }
  return { ...work, ladder };
}

/**
 * Takes back what a row of the journal did.
 *
 * @param accepted the row of the claim's acceptance
 * @throws ImpulsError `malformed` where it cannot have happened
 */
export function undo(work: CardWork, row: AuditRow, accepted: AuditRow): void {
  const where = `row ${row.seq} of the journal`;
  const { claim, held } = rangesOf(work, row, accepted, where);
  if (row.kind === kindOf.giveBack) {
    const back = { from: held.to, to: claim.from + accepted.kept };
    if (isChain(work)) {
      if (!covers(work.free, back)) throw wrong(where, 'it gives back what is held');
      work.free = withoutRange(work.free, back);
    }
    work.spent += accepted.kept - row.kept;
    if (work.spent > work.units) throw wrong(where, 'it gives back more than the card has');
  } else {
    checkProof(work, row, where);
    const taken = isChain(work) ? held : { from: claim.to - 1, to: claim.to };
    if (claim.to > work.top || meets(work.free, taken)) {
      throw wrong(where, 'its units are not held, or by another claim too');
    }
    work.free = withRange(work.free, taken);
    work.spent -= row.kept;
    if (work.spent < 0) throw wrong(where, 'more was claimed than the card has spent');
    work.highest = Math.max(work.highest, claim.to);
  }
  work.moves++;
}

/** Whether all that the card has done was taken back. @throws ImpulsError `malformed` */
export function checkOpened({ card, spent, free, top, moves, highest }: CardWork): void {
  const where = nameOf(card);
  if (spent !== 0 || lengthOf(free) !== top) {
    throw wrong(where, `${spent} units of it are spent that no row of the journal tells of`);
  }
  if (highest !== top) throw wrong(where, 'its highest unit is not that of any claim');
  if (card.version < moves) throw wrong(where, 'its version is older than what happened to it');
}

/**
 * Does what a row does that is not folded into the card's row yet.
 *
 * @throws ImpulsError `malformed` where the card cannot do it
 */
export function redo(work: CardWork, row: AuditRow, accepted: AuditRow): CardWork {
  const where = `row ${row.seq} of the journal`;
  const { claim, held } = rangesOf(work, row, accepted, where);
  if (row.kind === kindOf.giveBack) {
    const rest = { from: held.to, to: claim.from + accepted.kept };
    if (isChain(work)) {
      if (meets(work.free, rest)) throw wrong(where, 'it gives back what is not held');
      work.free = withRange(work.free, rest);
    }
    work.spent -= accepted.kept - row.kept;
    return work;
  }
  const { ladder } = work;
  const wanted = isChain(work) ? claim : { from: claim.to - 1, to: claim.to };
  const leapt = wanted.to > work.top ? withRange(work.free, { from: work.top, to: wanted.to }) : work.free;
  if (!covers(leapt, wanted)) throw wrong(where, 'its units are held by another claim');
  if (ladder && claim.to > work.top && !(row.proof?.length === 32 && ladder.raise(claim.to, row.proof))) {
    throw wrong(where, 'its link does not hash down to the one before');
  }
  const next: CardWork = {
    ...work,
    top: Math.max(work.top, claim.to),
    free: withoutRange(leapt, isChain(work) ? held : wanted),
    spent: work.spent + row.kept,
  };
  if (next.spent > next.units) throw wrong(where, 'more was claimed than the card has');
  checkProof(next, row, where);
  return next;
}

/** The units that a claim asked for, and those that the row leaves it. */
function rangesOf(
  work: CardWork,
  row: AuditRow,
  accepted: AuditRow,
  where: string,
): { readonly claim: Range; readonly held: Range } {
  const { end, units } = accepted;
  const fits = end !== null && units !== null && units >= 1 && (!isChain(work) || units <= end);
  if (!fits || accepted.kind !== kindOf.accept || accepted.slot !== row.slot) {
    throw wrong(where, 'its claim is none');
  }
  const most = row.kind === kindOf.accept ? units : accepted.kept;
  if (row.kept < 0 || row.kept > most) throw wrong(where, 'it keeps more than was claimed');
  const from = isChain(work) ? end - units : end - 1;
  return { claim: { from, to: end }, held: { from, to: from + row.kept } };
}

function checkProof({ ladder }: CardWork, row: AuditRow, where: string): void {
  const { proof, end } = row;
  if (proof?.length !== (ladder ? 32 : 16)) throw wrong(where, 'its proof is none');
  if (!ladder) return;
  if (end! > ladder.top || !Buffer.from(ladder.at(end!)).equals(proof)) {
    throw wrong(where, 'its link is not one of the card');
  }
}

function isChain({ card }: CardWork): boolean {
  return card.protocol === 'chain';
}

export function nameOf({ id }: Pick<AuditCard, 'id'>): string {
  return `card ${id}`;
}

/** Units and units spent, of a state that holds. */
export function numbersOf({ state }: AuditCard): { readonly units: number; readonly spent: number } {
  const reader = new Reader(new Uint8Array(state.buffer, state.byteOffset, state.length));
  return { units: reader.u32(), spent: reader.u32() };
}

/** @param row that opens it @throws ImpulsError `malformed` */
export function checkOpening(card: AuditCard, row: AuditRow): void {
  const { units } = numbersOf(card);
  const same =
    row.units === units &&
    row.end === card.expires &&
    row.tag === card.key_id &&
    row.proof !== null &&
    Buffer.from(card.message).equals(row.proof);
  if (!same) throw wrong(nameOf(card), 'it is not what it was opened as');
}

interface State {
  readonly units: number;
  readonly spent: number;
  readonly top: number;
  readonly tip: Uint8Array;
  readonly gaps: readonly (Range & { readonly value: Uint8Array })[];
}

/** u32 units, spent, top ‖ field tip ‖ u32 count ‖ (u32 from, to ‖ 32 bytes) of each gap. */
function decode(bytes: Uint8Array, where: string): State {
  try {
    const reader = new Reader(new Uint8Array(bytes));
    const [units, spent, top, tip] = [reader.u32(), reader.u32(), reader.u32(), reader.field()];
    const gaps: { from: number; to: number; value: Uint8Array }[] = [];
    for (let left = reader.u32(); left > 0; left--) {
      gaps.push({ from: reader.u32(), to: reader.u32(), value: reader.raw(32) });
    }
    reader.end();
    return { units, spent, top, tip, gaps };
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    throw wrong(where, 'its state cannot be read');
  }
}

function sha256(label: string, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256').update(label);
  for (const part of parts) hash.update(part);
  return hash.digest();
}
