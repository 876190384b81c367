import type { CardId } from '../core/card.js';
import type { CreditPurpose } from '../core/credit.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { worthOf, type KeyDocument } from '../core/key-document.js';
import { issuingKeys } from '../core/key-life.js';
import { protocols, type CardKind } from '../core/protocol.js';
import { createVoucherCode, formatVoucherCode, parseVoucherCode } from '../core/voucher-code.js';
import { freeUnits } from './allocate.js';
import type { CreditRecord } from './credit-record.js';
import { deposit, settleDeposits } from './deposit.js';
import { exactCards, planExchange, sumOf, takeFrom, wholeCards, type Tail } from './exchange-plan.js';
import { orderCards } from './issuing.js';
import type { HeldCard } from './journal.js';
import type { Report } from './obtain.js';
import type { Parts } from './parts.js';
import { orderName } from './records.js';
import type { ExchangePlan, Refund } from './summary.js';
import type { ExchangeDelay, ExchangeOptions, RefundOptions } from './wallet.js';

/**
 * Giving units back to their vendor (docs/spec.md §10). A bundle loads it when it is asked for.
 *
 *   plan ──► written ──► claims, each counted into the record as it is settled (deposit.ts)
 *                                   │
 *            exchange: a while ──► an order in the record's place, finished as any other (issuing.ts)
 *            refund: the record stays; its code is the reference
 *
 * Interrupted at any point it goes on from what is written.
 */

type Wish = Pick<ExchangeOptions, 'cards' | 'into' | 'protocol' | 'generator'>;

const defaultDelay: ExchangeDelay = { leastMs: 20_000, mostMs: 120_000 };
const secondMs = 1000;

/** @returns the ids of the new cards @throws as `Wallet.exchange` */
export async function exchange(
  parts: Parts,
  origin: string,
  { delay = defaultDelay, signal, onProgress = () => {}, ...wish }: ExchangeOptions,
): Promise<CardId[]> {
  const { journal } = parts;
  const delayMs = drawDelay(delay, parts.random);
  const name = await useInTurn(parts, origin, signal, async () => {
    const begun = await begin(parts, origin, 'exchange', wish);
    await fill(parts, begun, onProgress);
    const { due = parts.clock() + delayMs, ...credit } = journal.credit(begun)!;
    await journal.putCredit(begun, { ...credit, due });
    return begun;
  });
  const before = new Set(journal.cards().map(({ id }) => id));
  const total = Math.ceil(delayMs / secondMs);
  // Outside of any turn: the wallet is free meanwhile.
  for (let done = 0; done < total; done++) {
    onProgress({ step: 'wait', done, total });
    await parts.sleep(Math.min(secondMs, delayMs - done * secondMs), signal);
  }
  return useInTurn(parts, origin, undefined, async () => {
    if (journal.credit(name)) return orderCards(parts, name, onProgress);
    // It has been finished meanwhile, as in another tab.
    return journal.cards().flatMap(({ id }) => (before.has(id) ? [] : [id]));
  });
}

/** @throws as `Wallet.refund` */
export async function refund(
  parts: Parts,
  origin: string,
  { onProgress = () => {}, signal, ...wish }: RefundOptions,
): Promise<Refund> {
  return useInTurn(parts, origin, signal, async () => {
    const name = await begin(parts, origin, 'refund', wish);
    await fill(parts, name, onProgress);
    return describeRefund(parts, parts.journal.credit(name)!);
  });
}

/** What would be given, as far as the wallet knows. Nothing is begun. @throws as `Wallet.planExchange` */
export async function planCredit(
  parts: Parts,
  origin: string,
  purpose: CreditPurpose,
  wish: Wish,
): Promise<ExchangePlan> {
  const { takes, into } = await parts.use(() => plan(parts, origin, purpose, wish));
  const units = sumOf(takes.map((take) => take.units));
  return {
    vendor: origin,
    takes: takes.map(({ card, units: given }) => {
      return { card, units: given, left: freeUnits(parts.journal.card(card)!.account) - given };
    }),
    units,
    worth: worthOf(units, parts.vendors.pinned(origin).document.unit),
    into,
    links: purpose === 'exchange' ? linksOf(takes.length) : [],
  };
}

/** What can still be guessed of an exchange, in words for people. */
function linksOf(cards: number): string[] {
  return [
    ...(cards > 1 ? ['The cards that give are seen to belong together: they give to one order.'] : []),
    'Amount: the vendor sees how many units are given, and which cards are made of them. Few others may give as many.',
    'Timing: the new cards are signed some time after. Where few exchange, a short wait hides little; a longer one hides more.',
    'No message links a new card to an old one.',
  ];
}

/** The refunds that the wallet remembers, the last one first. */
export function listRefunds({ journal, vendors }: Parts): Refund[] {
  return journal
    .credits()
    .filter(([, { purpose }]) => purpose === 'refund')
    .map(([, credit]) => describeRefund({ vendors }, credit))
    .sort((a, b) => b.time - a.time);
}

/** @throws ImpulsError `malformed`, `unsettled`, `order-unknown` */
export async function forgetRefund({ journal }: Parts, reference: string): Promise<void> {
  const code = parseVoucherCode(reference);
  const found = journal.credits().find(([, credit]) => credit.code === code && credit.purpose === 'refund');
  if (!found) throw new ImpulsError('order-unknown', 'the wallet remembers no such refund');
  const [name, { units, paid }] = found;
  if (paid < units) {
    throw new ImpulsError('unsettled', 'the refund is not finished', { hint: 'Recover the wallet first.' });
  }
  await journal.putCredit(name, undefined);
}

function describeRefund({ vendors }: Pick<Parts, 'vendors'>, credit: CreditRecord): Refund {
  const { vendor, code, units, paid, begun } = credit;
  const { unit } = vendors.pinned(vendor).document;
  return {
    vendor,
    reference: formatVoucherCode(code),
    units: paid,
    worth: worthOf(paid, unit),
    time: begun,
    isComplete: paid >= units,
  };
}

/** What became of one that was interrupted. */
export type Resumed =
  | { readonly status: 'exchanged'; readonly cards: readonly CardId[] }
  | { readonly status: 'refunded' | 'gone' }
  /** Its cards are ordered later; Unix milliseconds. */
  | { readonly status: 'waiting'; readonly until: number };

/** Goes on with what is written; to be called within `use`. @throws as `Wallet.exchange` */
export async function resumeCredit(parts: Parts, name: string, report: Report): Promise<Resumed> {
  const { journal, clock } = parts;
  const vendor = journal.credit(name)?.vendor;
  if (vendor === undefined) return { status: 'gone' };
  return inTurn(parts, vendor, undefined, async () => {
    if (!journal.credit(name)) return { status: 'gone' };
    try {
      await fill(parts, name, report);
    } catch (error) {
      // Nothing was given, and nothing is left to give.
      if (isImpulsError(error, 'no-card') && !journal.credit(name)) return { status: 'gone' };
      throw error;
    }
    const { purpose, due = 0 } = journal.credit(name)!;
    if (purpose === 'refund') return { status: 'refunded' };
    if (clock() < due) return { status: 'waiting', until: due };
    return { status: 'exchanged', cards: await orderCards(parts, name, report) };
  });
}

/** One at a time for each vendor. */
function inTurn<T>(
  { deliveries }: Parts,
  origin: string,
  signal: AbortSignal | undefined,
  task: () => Promise<T>,
): Promise<T> {
  return deliveries.take(`credit ${origin}`, signal, task);
}

const useInTurn: typeof inTurn = (parts, origin, signal, task) =>
  parts.use(() => inTurn(parts, origin, signal, task), signal);

/** Writes down what is to be given, or adds it to what was begun and is not given yet. @returns the name of the record */
async function begin(parts: Parts, origin: string, purpose: CreditPurpose, wish: Wish): Promise<string> {
  const { journal, random, clock } = parts;
  const open = journal
    .credits()
    .find(
      ([, credit]) => credit.vendor === origin && credit.purpose === purpose && credit.paid < credit.units,
    );
  if (open) {
    const [name] = open;
    await settleDeposits(parts, name);
    const credit = journal.credit(name)!;
    if (credit.paid >= credit.units) return name;
    const { cards } = await choose(parts, origin, purpose, wish);
    const all = [...new Set([...credit.cards, ...cards.map(({ id }) => id)])];
    await replan(parts, name, { ...credit, cards: all }, wish.into);
    return name;
  }
  const { takes, into, kind } = await plan(parts, origin, purpose, wish);
  const code = createVoucherCode(random);
  const name = orderName(origin, code);
  await journal.putCredit(name, {
    ...kind,
    vendor: origin,
    code,
    purpose,
    cards: takes.map(({ card }) => card),
    units: sumOf(takes.map(({ units }) => units)),
    paid: 0,
    into,
    begun: clock(),
  });
  return name;
}

/** Puts what is to be put; with less than was hoped for it makes do. */
async function fill(parts: Parts, name: string, report: Report): Promise<void> {
  const { journal } = parts;
  try {
    await deposit(parts, name, report);
  } catch (error) {
    // What never begins is not gone on with.
    const isVain = isImpulsError(error, 'unsupported') && journal.credit(name)!.paid === 0;
    if (isVain) await journal.putCredit(name, undefined);
    throw error;
  }
  const credit = journal.credit(name)!;
  if (credit.paid < credit.units) await replan(parts, name, { ...credit, cards: [] });
}

/** Finds what the units that are put already make, together with those that the cards of the record still have. */
async function replan(
  { journal, vendors }: Parts,
  name: string,
  credit: CreditRecord,
  wished?: readonly number[],
): Promise<void> {
  const { vendor, purpose, paid, cards } = credit;
  const held = cards.flatMap((id) => journal.card(id) ?? []);
  const most = paid + sumOf(held.map(({ account }) => freeUnits(account)));
  if (most === 0) {
    await journal.putCredit(name, undefined);
    throw nothingLeft(vendor);
  }
  if (purpose === 'refund') return journal.putCredit(name, { ...credit, units: most });
  const denominations = denominationsOf(vendors.pinned(vendor).document, vendors.now(vendor), credit);
  const into =
    wished ?? (held.length > 0 ? wholeCards(most, denominations) : exactCards(paid, denominations));
  const units = sumOf(into ?? []);
  if (!into || units === 0 || units < paid || units > most) {
    throw new ImpulsError('no-card', `${paid} units are put to an exchange, and they make no whole cards`, {
      hint: `Exchange again with more cards. ${vendor} issues cards of ${denominations.join(', ')} units.`,
    });
  }
  await journal.putCredit(name, { ...credit, units, into });
}

interface Planned {
  readonly takes: readonly Tail[];
  readonly into: readonly number[];
  readonly kind: CardKind;
}

async function plan(parts: Parts, origin: string, purpose: CreditPurpose, wish: Wish): Promise<Planned> {
  const { document, cards, kind } = await choose(parts, origin, purpose, wish);
  const tails = cards.map(({ id, account }) => ({ card: id, units: freeUnits(account) }));
  if (purpose === 'refund') return { takes: takeFrom(tails, Infinity), into: [], kind };
  const denominations = denominationsOf(document, parts.vendors.now(origin), kind);
  return { ...planExchange(tails, denominations, wish.into), kind };
}

/** Without a choice: for a refund all there is, for an exchange what was used or has ended. Those first that end first. */
async function choose(
  { journal, vendors, circuits, clock }: Parts,
  origin: string,
  purpose: CreditPurpose,
  { cards: chosen, protocol, generator }: Wish,
): Promise<{ document: KeyDocument; cards: readonly HeldCard[]; kind: CardKind }> {
  const { document } = await vendors.refresh(circuits.look(), origin);
  const { endpoints, policy } = document;
  if (endpoints.credit === undefined) throw takesNothing(`${origin} takes no cards back`);
  if (purpose === 'refund' && policy.refund === undefined) throw takesNothing(`${origin} refunds nothing`);
  const now = vendors.now(origin);
  const open = journal
    .cards()
    .filter(({ record, refused }) => record.vendor === origin && !refused)
    .filter(({ record }) => now < record.expires + policy.grace)
    .filter(({ record }) => (record.usableFrom ?? 0) <= clock() / 1000);
  const wrong = chosen?.find((id) => !open.some((card) => card.id === id));
  if (wrong !== undefined) {
    throw new ImpulsError('card-unknown', `${origin} takes back no card ${wrong.slice(0, 8)}`, {
      hint: 'It may be of another vendor, refused, resting or past its time: list the cards of the wallet.',
    });
  }
  const isDue = ({ activated, record }: HeldCard): boolean =>
    purpose === 'refund' || activated || now >= record.expires;
  const cards = open
    .filter(({ account }) => freeUnits(account) > 0)
    .filter((card) => (chosen ? chosen.includes(card.id) : isDue(card)))
    .sort((a, b) => a.record.expires - b.record.expires || freeUnits(a.account) - freeUnits(b.account));
  const [first] = cards;
  if (!first) throw nothingLeft(origin);
  const like = protocol === undefined ? first.record : { protocol, generator };
  return {
    document,
    cards,
    kind: { protocol: like.protocol, ...(like.generator && { generator: like.generator }) },
  };
}

/** What is on sale and fits on a card of that protocol. */
function denominationsOf(document: KeyDocument, now: number, { protocol }: CardKind): number[] {
  const { maxUnits } = protocols[protocol];
  const sizes = issuingKeys(document, now).map(({ denomination }) => denomination);
  return [...new Set(sizes)].filter((size) => size <= maxUnits).sort((a, b) => a - b);
}

function drawDelay(delay: ExchangeDelay | 'none', random: Parts['random']): number {
  if (delay === 'none') return 0;
  const { leastMs, mostMs } = delay;
  if (!(leastMs >= 0 && mostMs >= leastMs && mostMs < Infinity)) {
    throw new ImpulsError('invalid-argument', 'delay.leastMs is not negative, and delay.mostMs not less');
  }
  const [drawn] = new Uint32Array(new Uint8Array(random(4)).buffer) as unknown as [number];
  return Math.round(leastMs + ((mostMs - leastMs) * drawn) / 0xffff_ffff);
}

function takesNothing(what: string): ImpulsError {
  return new ImpulsError('unsupported', what, {
    hint: 'Spend the cards as long as they are good, or ask the vendor.',
  });
}

function nothingLeft(origin: string): ImpulsError {
  return new ImpulsError('no-card', `no card of ${origin} in the wallet has anything to give`, {
    hint: 'Cards that were never used are exchanged only if they are named.',
  });
}
