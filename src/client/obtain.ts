import { fromBase64url, toBase64url } from '../core/base64url.js';
import type { CardId } from '../core/card.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import type { CardKind } from '../core/protocol.js';
import { computeStateTag, verifyState, type CardReport } from '../core/receipt.js';
import type { JsonValue } from '../core/wire/canonical-json.js';
import { stateFromJson } from '../core/wire/state-header.js';
import type { Circuits } from './circuits.js';
import { loadPart, type Environment } from './environment.js';
import type { HeldCard, Journal } from './journal.js';
import type { Checking, KeyReport } from './key-checks.js';
import type { Progress } from './summary.js';
import type { Vendors } from './vendors.js';

/** Getting cards, docs/spec.md §4 and §5: everything that happens between a voucher code and the first payment. */

export interface Obtaining {
  readonly journal: Journal;
  readonly vendors: Vendors;
  readonly random: Environment['random'];
  readonly circuits: Circuits;
}

/** Who buys compares the keys first. */
export type Redeeming = Obtaining & Checking & Pick<Environment, 'clock' | 'activationDelay'>;

export type Report = (progress: Progress) => void;

/** As in `issuing.ts`, which is loaded when it is first needed; so are the next two. */
export async function redeem(
  context: Redeeming,
  origin: string,
  input: string,
  kind: CardKind,
  report: Report,
): Promise<CardId[]> {
  const { redeem } = await loadLater();
  return redeem(context, origin, input, kind, report);
}

export async function activate(context: Obtaining, card: HeldCard): Promise<void> {
  const { activate } = await loadLater();
  return activate(context, card);
}

export async function checkKeys(context: Checking, origin: string): Promise<KeyReport> {
  const { checkKeys } = await loadLater();
  return checkKeys(context, origin);
}

/** The rest of the wallet. @throws ImpulsError `network` */
export function loadLater(): Promise<typeof import('./later.js')> {
  return loadPart(import('./later.js'));
}

/**
 * Asks for the state of an activated card and takes it over. A vendor that does not know the card any more, as one restored from
 * a backup, is shown it again.
 *
 * @throws ImpulsError as `activate`
 */
export async function refreshState(context: Obtaining, card: HeldCard): Promise<void> {
  try {
    await context.journal.adoptReport(card.id, await askState(context, card), card.account);
  } catch (error) {
    if (!isImpulsError(error, 'card-unknown')) throw error;
    await activate(context, card);
  }
}

/** What the vendor says of an activated card, authenticated. */
export async function askState(
  { journal, vendors, random, circuits }: Obtaining,
  card: HeldCard,
): Promise<CardReport> {
  const nonce = random(16);
  const { auth } = journal.secrets(card).keys;
  const tag = computeStateTag(auth, 'state', fromBase64url(card.id, 16), nonce);
  const request = { card: card.id, nonce: toBase64url(nonce), tag: toBase64url(tag) };
  const reply = await vendors.post(circuits.card(card.id), card.record.vendor, 'state', request);
  return readState(journal, card, 'state', nonce, reply);
}

/** @throws ImpulsError `malformed`, or `payment-refused` for a report that the vendor did not make */
export function readState(
  journal: Journal,
  card: HeldCard,
  purpose: 'activate' | 'state',
  nonce: Uint8Array,
  value: JsonValue | undefined,
): CardReport {
  const state = stateFromJson(value ?? null);
  const { keys } = journal.secrets(card);
  if (state.verdict !== purpose || !verifyState(keys.state, state, fromBase64url(card.id, 16), nonce)) {
    throw new ImpulsError('payment-refused', 'the vendor told the state of a card without proof', {
      hint: 'Something between you and the vendor may alter answers; try another network.',
    });
  }
  if (state.units !== card.record.units) {
    throw new ImpulsError('payment-refused', 'the vendor says that the card holds another number of units', {
      hint: 'Ask the vendor; the card and its signature are the proof.',
    });
  }
  return state;
}
