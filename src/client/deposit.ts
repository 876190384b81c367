import { utf8 } from '../core/bytes.js';
import type { CardId } from '../core/card.js';
import { encodeCredit } from '../core/credit.js';
import { creditContext } from '../core/envelope.js';
import { ImpulsError, isImpulsError, type ErrorCode } from '../core/errors.js';
import { sha256 } from '../core/hash.js';
import { canonicalJson } from '../core/wire/canonical-json.js';
import { freeUnits, type Account } from './allocate.js';
import { readOffer, type Offer } from './challenges.js';
import type { CreditRecord } from './credit-record.js';
import { runErrand } from './errand.js';
import { seal } from './issuing.js';
import type { Report } from './obtain.js';
import { replayInit } from './outgoing.js';
import type { Parts } from './parts.js';
import type { Acquired } from './purse.js';
import { settleClaim, type Retry } from './settling.js';
import { discard } from './reply-body.js';
import { createSession } from './session.js';

/** Putting units of cards to an order, docs/spec.md §10: claims like any others, on a route that costs what it is asked for. */

const patient: Retry = { attempts: 4, baseDelayMs: 250 };
/** How often a card is asked for units before it is left alone. */
const maxRounds = 4;
/** Why a card gives nothing, and others may. */
const cardFaults: readonly ErrorCode[] = ['card-expired', 'card-unknown', 'key-retired', 'payment-refused'];

/**
 * Claims from the cards of a record until what it asks for is put, or until they have nothing more.
 *
 * @throws ImpulsError `unsettled`, `network`, `payment-refused`, `bad-document`; the record says how far it came
 */
export async function deposit(parts: Parts, name: string, report: Report): Promise<void> {
  const { journal } = parts;
  await settleDeposits(parts, name);
  const offers = new Map<CardId, Offer>();
  const empty = new Set<CardId>();
  for (;;) {
    const credit = journal.credit(name)!;
    report({ step: 'deposit', done: credit.paid, total: credit.units });
    if (credit.paid >= credit.units) break;
    const id = credit.cards.find((card) => !empty.has(card) && journal.card(card));
    if (id === undefined) break;
    try {
      if (!(await give(parts, name, id, offers))) empty.add(id);
    } catch (error) {
      if (!isImpulsError(error) || !cardFaults.includes(error.code)) throw error;
      parts.log(`a card gives nothing: ${error.message}`);
      empty.add(id);
    }
  }
  await journal.flush();
}

/** Finds out what became of claims for a record that were interrupted. @throws ImpulsError `unsettled` */
export async function settleDeposits(parts: Parts, name: string): Promise<void> {
  for (const [tag, { credit }] of parts.journal.claims()) {
    if (credit === name) await settleClaim(parts, tag, patient);
  }
}

/**
 * One claim, of as many units as one place of the card holds.
 *
 * @returns false if the card has none to give
 * @throws ImpulsError what the vendor or the card says
 */
async function give(parts: Parts, name: string, id: CardId, offers: Map<CardId, Offer>): Promise<boolean> {
  const { journal } = parts;
  for (let round = 0; round < maxRounds; round++) {
    const credit = journal.credit(name)!;
    const units = Math.min(credit.units - credit.paid, portionOf(journal.card(id)!.account));
    if (units === 0) return false;
    const url = urlOf(parts, credit, units);
    const offer = offers.get(id) ?? (await askOffer(parts, id, url));
    offers.set(id, offer);
    const acquired = await acquire(parts, name, credit, id, url, { ...offer, units });
    // The card was asked about meanwhile, or has paid for something else.
    if (!acquired) continue;
    if (isImpulsError(acquired)) throw acquired;
    const { card, record, claim } = acquired;
    const result = await runErrand(parts, {
      card,
      record,
      claim,
      stage: 'new',
      send: (authorization) => parts.circuits.card(id)(record.url, replayInit(record, authorization)),
      ...patient,
    });
    discard(result.response);
    if (result.result === 'settled') return true;
    if (result.verdict === 'mismatched') throw turnedDown(credit.vendor);
    offers.delete(id);
    if (result.offer) offers.set(id, result.offer);
    if (result.then === 'stop') return false;
  }
  return false;
}

/** What the lowest place that is free holds: of `chain` a range without a claim in it, of `stream` everything. */
function portionOf(account: Account): number {
  const [from, to] = account.free[0] ?? [0, 0];
  const place = account.protocol === 'chain' ? to - from : account.units;
  return Math.min(place, freeUnits(account));
}

function urlOf({ vendors }: Parts, { vendor }: CreditRecord, units: number): string {
  return `${vendor}${vendors.pinned(vendor).document.endpoints.credit}?units=${units}`;
}

/** A challenge for one card, which no other one uses. */
async function askOffer({ vendors, circuits }: Parts, card: CardId, url: string): Promise<Offer> {
  const { origin, hostname } = new URL(url);
  let response: Response;
  try {
    response = await circuits.card(card)(url, {
      method: 'POST',
      redirect: 'manual',
      cache: 'no-store',
      credentials: 'omit',
    });
  } catch (cause) {
    throw new ImpulsError('network', `${origin} does not answer`, {
      hint: 'Try again later; nothing is lost.',
      cause,
    });
  }
  vendors.noteDate(origin, response);
  discard(response);
  const offer =
    response.status === 402 ? readOffer(response.headers.get('WWW-Authenticate'), hostname) : undefined;
  if (offer) return offer;
  throw new ImpulsError('network', `${origin} asks for no payment here (${response.status})`, {
    hint: 'Try again later; nothing is lost.',
  });
}

async function acquire(
  { purse, vendors, random }: Parts,
  name: string,
  { vendor, code, purpose, cards }: CreditRecord,
  id: CardId,
  url: string,
  offer: Offer,
): Promise<Acquired | ImpulsError | undefined> {
  const { document } = vendors.pinned(vendor);
  const sealed = await seal(document, creditContext, encodeCredit({ order: code, purpose }), random);
  const body = utf8(canonicalJson(sealed));
  const draft: ReturnType<Parameters<typeof purse.acquire>[0]['draft']> = {
    method: 'POST',
    url,
    headers: [],
    digest: sha256(body),
    contentType: 'application/json',
    body,
    credit: name,
  };
  return purse.acquire({
    origin: vendor,
    protocol: undefined,
    session: createSession(cards),
    graceSeconds: document.policy.grace,
    offerFor: (card) => (card === id ? offer : undefined),
    admit: () => {},
    dismiss: () => {},
    draft: () => draft,
  });
}

function turnedDown(vendor: string): ImpulsError {
  return new ImpulsError('unsupported', `${vendor} does not take units for this`, {
    hint: 'Ask the vendor: what was put already counts.',
  });
}
