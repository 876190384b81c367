import { toBase64url } from '../../core/base64url.js';
import type { ChainEvidence, SignedStatement } from '../../core/evidence.js';
import { worthOf, type ReceivedDocument } from '../../core/key-document.js';
import type { CardReport } from '../../core/receipt.js';
import type { JsonObject } from '../../core/wire/canonical-json.js';
import type { Challenge } from '../../core/wire/challenge.js';
import type { Credential, PaymentPayload } from '../../core/wire/credential.js';
import type { Problem } from '../../core/wire/problem.js';
import type { Receipt } from '../../core/wire/receipt-header.js';
import { decodeRequest } from '../../core/wire/request.js';
import { stateToJson, type StateMessage } from '../../core/wire/state-header.js';
import { formatCount, formatDay, formatUnits, plural } from '../amounts.js';
import type { Finding } from './finding.js';

/** What decoded messages say, for people and for programs. */

export function describeChallenge(challenge: Challenge): Finding {
  const { realm, method, intent, expires } = challenge;
  if (method !== 'impuls') {
    return {
      kind: 'challenge',
      summary: `Asks for a payment by the method ${method}, which is not impuls.`,
      facts: { ...definedOf(challenge) },
    };
  }
  const request = decodeRequest(challenge.request);
  const units = Number(request.amount);
  const worth = worthOf(units, request.methodDetails.unit);
  const uses = intent === 'session' ? 'for any number of payments' : 'for one payment';
  const until = expires === undefined ? '' : `, until ${expires}`;
  return {
    kind: 'challenge',
    summary: `${realm} asks for ${formatUnits(units)} (${worth}). Good ${uses}${until}.`,
    facts: { ...definedOf(challenge), request: request as unknown as JsonObject },
  };
}

export function describeCredential({ challenge, payload }: Credential): Finding {
  const { protocol, units, end } = payload;
  const what =
    protocol === 'chain' ? `the units ${rangeOf(payload)} of a chain card` : `step ${end} of a stream card`;
  const seal = payload.seal ? ' The answer is to be sealed.' : '';
  return {
    kind: 'credential',
    summary: `Pays ${formatUnits(units)} to ${challenge.realm}: ${what}.${seal}`,
    facts: {
      payload: definedOf({
        ...payload,
        card: toBase64url(payload.card),
        nonce: toBase64url(payload.nonce),
        proof: toBase64url(payload.proof),
        tag: toBase64url(payload.tag),
        digest: payload.digest && toBase64url(payload.digest),
      }),
      challenge: describeChallenge(challenge).facts,
    },
  };
}

export function rangeOf({ end, units }: Pick<PaymentPayload, 'end' | 'units'>): string {
  return units === 1 ? formatCount(end) : `${formatCount(end - units + 1)} to ${formatCount(end)}`;
}

export function describeReceipt(receipt: Receipt): Finding {
  const { verdict, units, remaining, timestamp } = receipt;
  const charged = verdict === 'accepted' ? 'Charged' : 'Charged before, and answered again without a charge:';
  return {
    kind: 'receipt',
    summary: `${charged} ${formatUnits(units)} at ${timestamp}; ${formatUnits(remaining)} left.`,
    facts: definedOf({
      ...receipt,
      reference: toBase64url(receipt.reference),
      mac: toBase64url(receipt.mac),
    }),
  };
}

const verdictMeanings: Readonly<Record<StateMessage['verdict'], string>> = {
  accepted: 'The payment was accepted',
  repeated: 'The payment was made before; no charge',
  'in-progress': 'The payment is being worked on; no second charge',
  'outcome-unknown': 'Charged, but the vendor stopped while it ran',
  'already-claimed': 'Charged before, and not served again',
  released: 'The units were given back',
  conflict: 'Refused: another payment holds these units',
  insufficient: 'Refused: too few units',
  crowded: 'Refused: the card has too many gaps',
  forged: 'Refused: the proof does not hold',
  expired: 'Refused: the card or the challenge has expired',
  mismatched: 'Refused: the body is another one',
  restored: 'Held: the vendor was restored from a backup',
  activate: 'The card is active',
  state: 'The state of a card',
};

export function describeState(state: StateMessage): Finding {
  return {
    kind: 'state',
    summary: `${verdictMeanings[state.verdict]}. ${balance(state)}`,
    facts: stateToJson(state),
  };
}

function balance({ units, spent, gaps, expires }: CardReport): string {
  const left = formatUnits(units - spent);
  return `${formatCount(spent)} of ${formatUnits(units)} spent, ${left} left, ${plural(gaps.length, 'gap')}; good until ${formatDay(expires)}.`;
}

/** @param by the document under which the signature holds, if one was there to check it with */
export function describeStatement(
  facts: JsonObject,
  { report, time, origin }: SignedStatement,
  by: ReceivedDocument | undefined,
): Finding {
  const signed = by
    ? `The signature holds: ${origin} said at ${formatMoment(time)}, under the key document ${toBase64url(by.digest)}:`
    : `The signature was not checked: add --document with the key document of ${origin}. It says of ${formatMoment(time)}:`;
  return { kind: 'statement', summary: `${signed} ${balance(report)}`, facts };
}

function formatMoment(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '');
}

export function describeEvidence({ origin, card, end, link }: ChainEvidence): Finding {
  return {
    kind: 'evidence',
    summary:
      `It holds: the link hashes down to the anchor of the card in ${plural(end, 'step')}. So whoever had this card has ` +
      `presented its unit ${formatCount(end)}; a vendor that counts higher ones as spent has to show a higher link.`,
    facts: { origin, card, end, link: toBase64url(link) },
  };
}

export function describeDocument({ document, digest }: ReceivedDocument): Finding {
  const { name, origin, unit, cards } = document;
  const kinds = cards.map((key) => formatCount(key.denomination)).join(', ');
  return {
    kind: 'key document',
    summary: `${name} at ${origin}: one unit is worth ${worthOf(1, unit)}; cards of ${kinds} units.`,
    facts: { digest: toBase64url(digest), ...(document as unknown as JsonObject) },
  };
}

export function describeProblem({ title, status, detail, members }: Problem): Finding {
  const head = [status, title].filter((part) => part !== undefined).join(' ');
  return { kind: 'problem', summary: [head, detail].filter(Boolean).join(': '), facts: members };
}

function definedOf(value: object): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}
