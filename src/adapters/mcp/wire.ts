import { ImpulsError, isImpulsError, malformed } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { decodeText, encodeText } from '../../core/wire/base64url-text.js';
import { canonicalJson, parseJson, type JsonObject, type JsonValue } from '../../core/wire/canonical-json.js';
import { challengeFromJson, formatChallenge, parseChallenges } from '../../core/wire/challenge.js';
import { expectObject, expectText } from '../../core/wire/json-members.js';

/**
 * The `Payment` scheme as MCP carries it (draft-payment-transport-mcp-00): what HTTP has in headers as base64url is here JSON, in `_meta` and in the
 * data of errors.
 */

/** In `_meta` of a call, of a result, and of both a result and the data of an error. */
export const credentialKey = 'org.paymentauth/credential';
export const receiptKey = 'org.paymentauth/receipt';
export const stateKey = 'impuls/state';
/** In `_meta` of a result: its JSON as a sealed body, base64url. */
export const sealedKey = 'impuls/sealed';
/** The vendor's origin, in the data of errors; with the price in `_meta` of a listed tool. */
export const vendorKey = 'impuls/vendor';
export const unitsKey = 'impuls/units';

export const errorCodes = {
  /** A tool has to be paid; others use the same number for something else. */
  paymentRequired: -32042,
  /** Any other refusal: `data` says which. */
  paymentRefused: -32043,
} as const;

/** What the claim for a call covers in the place of a body: the arguments in canonical form. @throws ImpulsError `malformed` */
export function argumentsText(value: unknown): string {
  try {
    // Within one process undefined members arrive as such.
    return canonicalJson(expectObject(parseJson(JSON.stringify(value ?? {})), 'the arguments'));
  } catch (error) {
    if (isImpulsError(error, 'invalid-argument')) throw malformed(error.message);
    throw error;
  }
}

/** `Authorization` for a credential of `_meta`; one that cannot be read is passed on as what no gate takes. */
export function authorizationOf(credential: unknown): string {
  try {
    const json = expectObject(parseJson(JSON.stringify(credential)), 'credential');
    const challenge = expectObject(json['challenge'], 'challenge');
    const request = challenge['request'];
    const encoded = typeof request === 'string' ? request : encodeText(canonicalJson(request ?? null));
    return `Payment ${encodeText(JSON.stringify({ ...json, challenge: { ...challenge, request: encoded } }))}`;
  } catch (error) {
    if (error instanceof ImpulsError || error instanceof TypeError) return 'Payment !';
    throw error;
  }
}

/** A credential for `_meta`, of an `Authorization` that the wallet made. */
export function credentialOf(authorization: string): JsonObject {
  const json = expectObject(parseJson(decodeText(authorization.slice('Payment '.length))), 'credential');
  const challenge = expectObject(json['challenge'], 'challenge');
  return { ...json, challenge: openRequest(challenge) };
}

/** The challenges of a `WWW-Authenticate` value. */
export function challengesOf(header: string): JsonObject[] {
  return parseChallenges(header).map((challenge) => openRequest({ ...challenge } as unknown as JsonObject));
}

/** `WWW-Authenticate` for the challenges of an error; those that are none are left out. */
export function challengeHeader(challenges: unknown): string {
  if (!Array.isArray(challenges)) return '';
  const values = challenges.slice(0, 16).flatMap((value: unknown) => {
    try {
      const json = expectObject(parseJson(JSON.stringify(value)), 'challenge');
      const request = encodeText(canonicalJson(expectObject(json['request'], 'request')));
      return [formatChallenge(challengeFromJson({ ...json, request }))];
    } catch (error) {
      if (isImpulsError(error)) return [];
      throw error;
    }
  });
  return values.join(', ').slice(0, limits.challengeBytes);
}

function openRequest(challenge: JsonObject): JsonObject {
  return { ...challenge, request: parseJson(decodeText(expectText(challenge['request'], 'request'))) };
}

/** The JSON of a header of base64url. */
export function headerJson(value: string): JsonObject {
  return expectObject(parseJson(decodeText(value)), 'header');
}

/** A header of base64url for JSON; '' for what is none. */
export function jsonHeader(value: unknown): string {
  return typeof value === 'object' && value !== null ? encodeText(JSON.stringify(value)) : '';
}

export type { JsonObject, JsonValue };
