import { sealActivation } from '../core/activation.js';
import { fromBase64url, toBase64url } from '../core/base64url.js';
import { blindMessage, finalizeSignature, prepareMessage, verifySignature } from '../core/blind.js';
import { utf8 } from '../core/bytes.js';
import { deriveCard, type CardId } from '../core/card.js';
import { issueContext, orderContext, sealEnvelope, type EnvelopeContext } from '../core/envelope.js';
import { ImpulsError, isImpulsError, malformed } from '../core/errors.js';
import type { CreditPurpose } from '../core/credit.js';
import type { IssuingKey, KeyDocument, ReceivedDocument } from '../core/key-document.js';
import { issuingKeys } from '../core/key-life.js';
import { limits } from '../core/limits.js';
import { protocols, type CardKind } from '../core/protocol.js';
import { parseVoucherCode } from '../core/voucher-code.js';
import { canonicalJson, type JsonObject, type JsonValue } from '../core/wire/canonical-json.js';
import { expectArray, expectBytes, expectObject, expectUint32 } from '../core/wire/json-members.js';
import type { Environment } from './environment.js';
import type { HeldCard } from './journal.js';
import { exactCards, sumOf } from './exchange-plan.js';
import { confirmKeys } from './key-checks.js';
import { readState, type Obtaining, type Redeeming, type Report } from './obtain.js';
import { orderName, type CardRecord, type OrderItem, type OrderRecord } from './records.js';
import type { Vendors } from './vendors.js';

/** The part of getting cards that seals and blinds, docs/spec.md §4 and §5. */

/**
 * Redeems a code, or finishes a redemption of it.
 *
 * @returns the cards
 * @throws ImpulsError `malformed`, `order-unknown`, `order-served`, `throttled`, `bad-document`, `bad-signature`, `network`
 */
export async function redeem(
  context: Redeeming,
  origin: string,
  input: string,
  kind: CardKind,
  report: Report,
): Promise<CardId[]> {
  const code = parseVoucherCode(input);
  const name = orderName(origin, code);
  if (!context.journal.order(name)) await beginOrder(context, name, origin, code, kind, report);
  return finishOrder(context, name, report);
}

/** Finishes a redemption that is journaled. @throws as `redeem` */
export async function finishOrder(context: Redeeming, name: string, report: Report): Promise<CardId[]> {
  try {
    return await collect(context, name, report);
  } catch (error) {
    const order = context.journal.order(name);
    if (!order || !isImpulsError(error, 'key-retired')) throw error;
    // The order was not served under these keys, and never will be.
    await beginOrder(context, name, order.vendor, order.code, order.items[0]!, report);
    return collect(context, name, report);
  }
}

/**
 * Orders the cards of an exchange to which all units are put: an order takes the place of its record.
 *
 * @returns the cards
 * @throws as `redeem`
 */
export async function orderCards(context: Redeeming, name: string, report: Report): Promise<CardId[]> {
  const { journal } = context;
  const credit = journal.credit(name)!;
  try {
    await beginOrder(context, name, credit.vendor, credit.code, credit, report);
  } catch (error) {
    // As by a copy of this wallet.
    if (isImpulsError(error, 'order-served')) await journal.putCredit(name, undefined);
    throw error;
  }
  return finishOrder(context, name, report);
}

async function collect(context: Redeeming, name: string, report: Report): Promise<CardId[]> {
  const { journal, vendors } = context;
  const order = journal.order(name);
  if (!order) throw new ImpulsError('invalid-argument', 'no such redemption is open');
  const signatures = await requestSignatures(context, name, order, report);
  const cards = finalizeCards(vendors.pinned(order.vendor).document, order, signatures, report).map(
    ([id, card]) => [id, rested(context, card)] as const,
  );
  await journal.completeOrder(name, cards);
  return cards.map(([id]) => id);
}

/** Blinds one card for each that the order is for, and makes that durable before anything of it is sent. */
async function beginOrder(
  context: Redeeming,
  name: string,
  origin: string,
  code: string,
  kind: CardKind,
  report: Report,
): Promise<void> {
  const { journal, vendors, random } = context;
  const via = context.circuits.sale(name);
  report({ step: 'document', done: 0, total: 1 });
  const { document } = await vendors.refresh(via, origin);
  report({ step: 'order', done: 0, total: 1 });
  const { denominations: given, credit, served } = await askOrder(context, via, origin, code);
  if (served) {
    throw new ImpulsError('order-served', 'the code was redeemed before', {
      hint: 'Each code is good for one redemption; if it was yours, recover or restore the wallet that made it.',
    });
  }
  const denominations = credit
    ? cardsOf(credit, document, vendors.now(origin), journal.credit(name)?.into)
    : given;
  const keys = denominations.map((units) => issuingKey(document, units, vendors.now(origin)));
  await confirmKeys(context, origin, keys);
  const items: OrderItem[] = [];
  for (const key of keys) {
    report({ step: 'blind', done: items.length, total: keys.length });
    items.push(blindItem(key, kind, random));
  }
  await journal.putOrder(name, { vendor: origin, code, items });
}

/** What a code is good for, or what was put to it. @throws ImpulsError `order-unknown`, `throttled`, `network` */
export async function askOrder(
  { vendors, random }: Pick<Obtaining, 'vendors' | 'random'>,
  via: typeof fetch,
  origin: string,
  code: string,
): Promise<OrderReply> {
  const { document } = vendors.pinned(origin);
  const request = await seal(document, orderContext, utf8(canonicalJson({ order: code })), random);
  return readOrderReply(await vendors.post(via, origin, 'order', request));
}

export interface OrderReply {
  readonly denominations: readonly number[];
  /** What was put to it, if it came to be so. */
  readonly credit?: { readonly purpose: CreditPurpose; readonly units: number };
  readonly served: boolean;
}

function readOrderReply(value: JsonValue): OrderReply {
  const reply = expectObject(value, 'the reply');
  const served = reply['served'] === true;
  if (reply['credit'] !== undefined) {
    const { purpose, units } = expectObject(reply['credit'], 'credit');
    if (purpose !== 'exchange' && purpose !== 'refund') throw malformed('a purpose that is none');
    return { denominations: [], credit: { purpose, units: expectUint32(units, 'units') }, served };
  }
  const denominations: number[] = [];
  for (const item of expectArray(reply['items'], 'items')) {
    const { denomination, count } = expectObject(item, 'an item');
    const units = expectUint32(denomination, 'denomination');
    for (let i = expectUint32(count, 'count'); i > 0; i--) {
      denominations.push(units);
      if (denominations.length > limits.orderItems)
        throw malformed(`an order of more than ${limits.orderItems} cards`);
    }
  }
  if (denominations.length === 0) throw malformed('an order of no cards');
  return { denominations, served };
}

/** The cards that the units of an exchange become: those that were planned, if they are still what it makes. */
function cardsOf(
  { purpose, units }: NonNullable<OrderReply['credit']>,
  document: KeyDocument,
  now: number,
  planned: readonly number[] = [],
): readonly number[] {
  if (purpose === 'refund') {
    throw new ImpulsError('order-mismatch', 'the code is the reference of a refund', {
      hint: 'Give it to the vendor, who pays it out.',
    });
  }
  const onSale = issuingKeys(document, now).map(({ denomination }) => denomination);
  if (sumOf(planned) === units && planned.every((size) => onSale.includes(size))) return planned;
  const cards = exactCards(units, onSale);
  if (cards) return cards;
  throw new ImpulsError('no-card', `${units} units are put to an exchange, and they make no whole cards`, {
    hint: 'Exchange again with more cards.',
  });
}

/** Of the keys that are live the one that lasts longest. */
function issuingKey(document: KeyDocument, denomination: number, now: number): IssuingKey {
  const live = issuingKeys(document, now).filter((key) => key.denomination === denomination);
  const [key] = live.sort((a, b) => b.notAfter - a.notAfter);
  if (!key) {
    throw new ImpulsError('key-retired', `${document.origin} issues no cards of ${denomination} units now`, {
      hint: 'Ask the vendor; the code stays good.',
    });
  }
  return key;
}

function blindItem(key: IssuingKey, kind: CardKind, random: Environment['random']): OrderItem {
  if (key.denomination > protocols[kind.protocol].maxUnits) {
    throw new ImpulsError('unsupported', `a ${kind.protocol} card cannot hold ${key.denomination} units`, {
      hint: 'Redeem the code for cards of protocol stream.',
    });
  }
  const seed = random(32);
  const randomizer = random(32);
  const { message } = deriveCard(seed, kind, key.denomination);
  const prepared = prepareMessage(randomizer, message);
  const { blinded, inverse } = blindMessage(fromBase64url(key.n, 384), prepared, random);
  const { protocol, generator } = kind;
  return { protocol, ...(generator && { generator }), key: key.id, seed, randomizer, blinded, inverse };
}

/** @returns the vendor's blind signatures, as many as there are items */
async function requestSignatures(
  { vendors, random, circuits }: Obtaining,
  name: string,
  { vendor, code, items }: OrderRecord,
  report: Report,
): Promise<Uint8Array[]> {
  const via = circuits.sale(name);
  const { document } = await vendors.refresh(via, vendor);
  report({ step: 'issue', done: 0, total: items.length });
  const sent = items.map(({ key, blinded }) => ({ key, blinded: toBase64url(blinded) }));
  const content = utf8(canonicalJson({ items: sent, order: code }));
  const request = await seal(document, issueContext, content, random);
  const reply = expectObject(await vendors.post(via, vendor, 'issue', request), 'the reply');
  const signatures = expectArray(reply['signatures'], 'signatures').map((signature) =>
    expectBytes(signature, 384, 'a signature'),
  );
  if (signatures.length !== items.length)
    throw malformed('the vendor did not sign as many cards as were asked for');
  return signatures;
}

function finalizeCards(
  document: KeyDocument,
  { vendor, items }: OrderRecord,
  signatures: readonly Uint8Array[],
  report: Report,
): (readonly [CardId, CardRecord])[] {
  return items.map((item, i) => {
    report({ step: 'verify', done: i, total: items.length });
    const { protocol, generator, seed, randomizer } = item;
    const { n, denomination, expires } = keyOf(document, item.key);
    const { id, message } = deriveCard(seed, item, denomination);
    const prepared = prepareMessage(randomizer, message);
    const signature = finalizeSignature(fromBase64url(n, 384), prepared, signatures[i]!, item.inverse);
    const kind = { protocol, ...(generator && { generator }) };
    return [
      id,
      { ...kind, vendor, key: item.key, units: denomination, expires, seed, randomizer, signature },
    ] as const;
  });
}

/** A card of a backup under the vendor's keys as they are now. @throws ImpulsError `bad-document`, `bad-signature` */
export function checkRestored(
  document: KeyDocument,
  card: Omit<CardRecord, 'units' | 'expires'>,
): readonly [CardId, CardRecord] {
  const { n, denomination, expires } = keyOf(document, card.key);
  const { id, message } = deriveCard(card.seed, card, denomination);
  if (!verifySignature(fromBase64url(n, 384), prepareMessage(card.randomizer, message), card.signature)) {
    throw new ImpulsError('bad-signature', 'a card of the backup is not signed by its vendor', {
      hint: 'Check that the backup is whole.',
    });
  }
  return [id, { ...card, units: denomination, expires }];
}

function keyOf({ cards, origin }: KeyDocument, id: string): IssuingKey {
  const key = cards.find((entry) => entry.id === id);
  if (!key)
    throw new ImpulsError('bad-document', `the key document of ${origin} does not name the card's key`);
  return key;
}

/** @returns the body of a request to one of the vendor's endpoints */
export async function seal(
  { activation }: KeyDocument,
  envelope: EnvelopeContext,
  content: Uint8Array,
  random: Environment['random'],
): Promise<JsonObject> {
  const key = fromBase64url(activation.key, 32);
  const sealed = await sealEnvelope(key, envelope, content, random);
  return { activation: activation.id, sealed: toBase64url(sealed) };
}

/**
 * Shows a card to its vendor, or again, and takes over what the vendor says is on it.
 *
 * @throws ImpulsError `bad-document`, `card-expired`, `key-retired`, `payment-refused`, `network`
 */
export async function activate(
  { journal, vendors, random, circuits }: Obtaining,
  card: HeldCard,
): Promise<void> {
  const { vendor, key, randomizer, signature } = card.record;
  const via = circuits.card(card.id);
  const { document, digest } = await documentFor(vendors, via, vendor);
  const { opening } = journal.secrets(card);
  await journal.doubt(card.id);
  const asked = journal.card(card.id)!.account;
  const nonce = random(16);
  const activation = { opening, randomizer, signature, nonce };
  const activationKey = fromBase64url(document.activation.key, 32);
  const sealed = await sealActivation(activationKey, { document: digest, key }, activation, random);
  const reply = await vendors.post(via, vendor, 'activate', {
    activation: document.activation.id,
    document: toBase64url(digest),
    key,
    sealed: toBase64url(sealed),
  });
  const state = expectObject(reply, 'the reply')['state'];
  await journal.adoptReport(card.id, readState(journal, card, 'activate', nonce, state), asked);
}

/**
 * The document to name at an activation: the one that everybody is shown, not one that was made for this wallet's sale. A vendor that could
 * have the pinned one named while it shows an older one would know the sale by it.
 */
async function documentFor(vendors: Vendors, via: typeof fetch, origin: string): Promise<ReceivedDocument> {
  const before = vendors.pinned(origin).document;
  const shown = await vendors.look(via, origin);
  if (before.previous.includes(toBase64url(shown.received.digest))) {
    throw new ImpulsError('bad-document', `${origin} shows an older key document than it did before`, {
      hint: 'Nothing was shown to it. Try again later; if it stays so, compare its keys: `impuls check-keys`.',
    });
  }
  return vendors.adopt(origin, shown);
}

/** The card with the time from which it may be shown to its vendor, drawn evenly over the delay: so all sales of that time are alike. */
export function rested(
  { clock, random, activationDelay }: Pick<Environment, 'clock' | 'random' | 'activationDelay'>,
  card: CardRecord,
): CardRecord {
  if (activationDelay === 0) return card;
  const share = random(4).reduce((sum, byte) => (sum + byte) / 256, 0);
  return { ...card, usableFrom: Math.ceil(clock() / 1000 + share * activationDelay) };
}

/** Whether the wallet shows cards that nobody pays with now: several at a time are known to be of one wallet. */
export function showsAtOnce({
  privacy,
  activationDelay,
}: Pick<Environment, 'privacy' | 'activationDelay'>): boolean {
  return privacy !== 'unlinkable-sessions' && activationDelay === 0;
}
