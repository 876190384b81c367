import { toBase64url } from '../base64url.js';
import { equalText, utf8 } from '../bytes.js';
import { ImpulsError, malformed } from '../errors.js';
import type { HmacKey } from '../hash.js';
import { formatAuthParams, parseChallengeParams } from './auth-params.js';
import type { JsonObject } from './canonical-json.js';
import { expectText, optionalText } from './json-members.js';

/** A challenge of the `Payment` scheme (draft-httpauth-payment-01), whatever its method. */
export interface Challenge {
  /** What only the vendor can make and recognise; the client echoes it. */
  readonly id: string;
  readonly realm: string;
  readonly method: string;
  readonly intent: string;
  /** base64url of JSON, as received. */
  readonly request: string;
  /** RFC 3339, as received. */
  readonly expires?: string | undefined;
  readonly digest?: string | undefined;
  readonly opaque?: string | undefined;
  readonly description?: string | undefined;
}

/** What the id of a challenge covers. */
export type ChallengeSlots = Omit<Challenge, 'id' | 'description'>;

/** One `WWW-Authenticate` value. @throws ImpulsError `invalid-argument` for a member that is not printable ASCII */
export function formatChallenge(challenge: Challenge): string {
  const { id, realm, method, intent, request, expires, digest, opaque, description } = challenge;
  const params = { id, realm, method, intent, request, expires, digest, opaque, description };
  return `Payment ${formatAuthParams(params)}`;
}

/**
 * The `Payment` challenges of any method in a `WWW-Authenticate` value, in order. Unknown parameters are ignored.
 *
 * @param headerValue at most 16 KiB; the values of several fields are joined by ", "
 * @throws ImpulsError `malformed`
 */
export function parseChallenges(headerValue: string): Challenge[] {
  return parseChallengeParams(headerValue).map((params) => ({
    id: required(params, 'id'),
    realm: required(params, 'realm'),
    method: required(params, 'method'),
    intent: required(params, 'intent'),
    request: required(params, 'request'),
    ...optional(params, 'expires'),
    ...optional(params, 'digest'),
    ...optional(params, 'opaque'),
    ...optional(params, 'description'),
  }));
}

/** A challenge as a credential echoes it. @throws ImpulsError `malformed` */
export function challengeFromJson(json: JsonObject): Challenge {
  return {
    id: expectText(json['id'], 'id'),
    realm: expectText(json['realm'], 'realm'),
    method: expectText(json['method'], 'method'),
    intent: expectText(json['intent'], 'intent'),
    request: expectText(json['request'], 'request'),
    expires: optionalText(json['expires'], 'expires'),
    digest: optionalText(json['digest'], 'digest'),
    opaque: optionalText(json['opaque'], 'opaque'),
    description: optionalText(json['description'], 'description'),
  };
}

function required(params: Readonly<Record<string, string>>, name: string): string {
  const value = params[name];
  if (!value) throw malformed(`a Payment challenge without ${name}`);
  return value;
}

function optional(params: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> {
  const value = params[name];
  return value === undefined ? {} : { [name]: value };
}

/**
 * The id binds a challenge to its vendor: base64url(HMAC-SHA256(secret, seven slots joined by "|")), an absent slot empty.
 *
 * @throws ImpulsError `invalid-argument` for a slot with "|": two challenges could then have one id
 */
export function challengeId(secret: HmacKey, slots: ChallengeSlots): string {
  const joined = joinSlots(slots);
  if (joined === null) throw new ImpulsError('invalid-argument', 'a challenge must not contain "|"');
  return computeId(secret, joined);
}

/** In a time that does not depend on the id. */
export function verifyChallengeId(secret: HmacKey, challenge: Challenge): boolean {
  const joined = joinSlots(challenge);
  return joined !== null && equalText(computeId(secret, joined), challenge.id);
}

function computeId(secret: HmacKey, joined: string): string {
  return toBase64url(secret.mac(utf8(joined)));
}

function joinSlots(slots: ChallengeSlots): string | null {
  const { realm, method, intent, request, expires = '', digest = '', opaque = '' } = slots;
  const values = [realm, method, intent, request, expires, digest, opaque];
  return values.some((value) => value.includes('|')) ? null : values.join('|');
}
