import { decodeText, encodeText } from '../core/wire/base64url-text.js';
import { isImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { parseJson, type JsonObject, type JsonValue } from '../core/wire/canonical-json.js';

/** Credentials of the `Payment` scheme as JSON, of whatever method: other carriages bring them in forms of their own. */

const scheme = /^payment +/i;

/** What `Authorization` says, read as far as JSON goes; undefined if that is no credential. */
export function readCredentialJson(authorization: string | null | undefined): JsonObject | undefined {
  if (!authorization || authorization.length > limits.credentialBytes || !scheme.test(authorization)) {
    return undefined;
  }
  try {
    return objectOf(parseJson(decodeText(authorization.replace(scheme, ''))));
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}

/** What `Authorization` says of a credential, with its members in the order given. */
export function formatCredentialJson(credential: JsonObject): string {
  return `Payment ${encodeText(JSON.stringify(credential))}`;
}

export function objectOf(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

export function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
