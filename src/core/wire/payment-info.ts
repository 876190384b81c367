import { isImpulsError, malformed } from '../errors.js';
import type { JsonObject, JsonValue } from './canonical-json.js';
import { challengeFromJson, type Challenge } from './challenge.js';
import { methodName } from './credential.js';
import { expectArray, expectObject, expectText, optionalText } from './json-members.js';

/**
 * What a description of an API (OpenAPI 3) says of its prices: `x-payment-info` of draft-payment-discovery-00. It is for finding and
 * weighing; a 402 has the last word.
 */

/** One way to pay for an operation. */
export interface PaymentOffer {
  readonly intent: string;
  readonly method: string;
  /** A whole number in decimal, without leading zeros; null: it depends on the request, and the 402 tells. */
  readonly amount: string | null;
  readonly currency?: string | undefined;
  /** For people. */
  readonly description?: string | undefined;
  /** Of method `impuls` and intent `session`, an extension: what a 402 would ask for, so that the first request can be paid. */
  readonly challenge?: Challenge | undefined;
}

export interface PaidOperation {
  /** Upper case. */
  readonly method: string;
  /** A path of the document's, such as `/articles/{id}`, below the path of its first server. */
  readonly path: string;
  readonly offers: readonly PaymentOffer[];
}

const amount = /^(?:0|[1-9][0-9]{0,77})$/;
const offerMembers = ['intent', 'method', 'amount', 'currency', 'description'];
const httpMethods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/**
 * Both forms: `{offers: […]}`, and the members of a single offer. Unknown members are ignored.
 *
 * @throws ImpulsError `malformed`
 */
export function readPaymentInfo(value: JsonValue | undefined): PaymentOffer[] {
  const info = expectObject(value, 'x-payment-info');
  if (info['offers'] === undefined) return [readPaymentOffer(info)];
  if (offerMembers.some((name) => info[name] !== undefined)) {
    throw malformed('x-payment-info has offers, and members of an offer beside them');
  }
  const offers = expectArray(info['offers'], 'offers').map(readPaymentOffer);
  if (offers.length === 0) throw malformed('offers is empty');
  return offers;
}

function readPaymentOffer(value: JsonValue): PaymentOffer {
  const json = expectObject(value, 'an offer');
  const cost = json['amount'];
  if (cost !== null && !amount.test(expectText(cost, 'the amount of an offer'))) {
    throw malformed('the amount of an offer is not a whole number in decimal');
  }
  const method = expectText(json['method'], 'the method of an offer');
  const challenge = method === methodName ? json['challenge'] : undefined;
  return {
    intent: expectText(json['intent'], 'the intent of an offer'),
    method,
    amount: cost as string | null,
    currency: optionalText(json['currency'], 'the currency of an offer'),
    description: optionalText(json['description'], 'the description of an offer'),
    challenge:
      challenge === undefined
        ? undefined
        : challengeFromJson(expectObject(challenge, 'the challenge of an offer')),
  };
}

/**
 * The operations of an API that say what they cost. One whose `x-payment-info` cannot be read is left out.
 *
 * @throws ImpulsError `malformed` if it is no OpenAPI document
 */
export function readPaidOperations(document: JsonValue): PaidOperation[] {
  const paths = expectObject(expectObject(document, 'the document')['paths'], 'paths');
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(expectObject(item, 'a path')).flatMap(([name, operation]) => {
      const info = httpMethods.includes(name) ? membersOf(operation)['x-payment-info'] : undefined;
      const offers = info === undefined ? undefined : attempt(() => readPaymentInfo(info));
      return offers ? [{ method: name.toUpperCase(), path, offers }] : [];
    }),
  );
}

/**
 * The path that the paths of an API are below: that of its first server, without "/" at its end.
 *
 * @returns undefined if the API is at another origin, or the server's address has variables
 */
export function basePathOf(document: JsonValue, origin: string): string | undefined {
  const servers = membersOf(document)['servers'];
  if (!Array.isArray(servers) || servers.length === 0) return '';
  const address = membersOf((servers as readonly JsonValue[])[0])['url'];
  if (typeof address !== 'string' || address.includes('{')) return undefined;
  const rest = address.startsWith(origin) ? address.slice(origin.length) : address;
  return rest === '' || /^\/(?!\/)[^?#]*$/.test(rest) ? rest.replace(/\/+$/, '') : undefined;
}

/**
 * The operation of a request, as OpenAPI matches: a part in braces stands for some characters but "/", and what is written out goes
 * before what is not.
 */
export function findOperation<T extends Pick<PaidOperation, 'method' | 'path'>>(
  operations: readonly T[],
  method: string,
  pathname: string,
): T | undefined {
  let found: T | undefined;
  let best = '';
  for (const operation of operations) {
    if (operation.method !== method) continue;
    const rank = rankOf(operation.path, pathname);
    if (rank === undefined || (found && rank >= best)) continue;
    found = operation;
    best = rank;
  }
  return found;
}

/** How a path fits a template, segment by segment: 0 written out, 1 in part, 2 not at all; undefined: it does not. */
function rankOf(template: string, pathname: string): string | undefined {
  const wanted = template.split('/');
  const given = pathname.split('/');
  if (wanted.length !== given.length) return undefined;
  let rank = '';
  for (const [i, part] of wanted.entries()) {
    const kind = fitOf(part, given[i]!);
    if (kind === undefined) return undefined;
    rank += kind;
  }
  return rank;
}

/** One part in braces a segment: that is enough for what is met, and cannot be made to take long. */
function fitOf(part: string, given: string): '0' | '1' | '2' | undefined {
  const [, before, after] = /^([^{}]*)\{[^{}]+\}([^{}]*)$/.exec(part) ?? [];
  if (before === undefined || after === undefined) return part === given ? '0' : undefined;
  const fits =
    given.length > before.length + after.length && given.startsWith(before) && given.endsWith(after);
  if (!fits) return undefined;
  return before + after === '' ? '2' : '1';
}

function membersOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isImpulsError(error, 'malformed')) return undefined;
    throw error;
  }
}
