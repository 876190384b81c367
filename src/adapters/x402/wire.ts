import { limits } from '../../core/limits.js';
import { fromUtf8, utf8 } from '../../core/bytes.js';
import { isImpulsError } from '../../core/errors.js';
import { parseJson, type Challenge, type JsonObject } from '../../core/wire/index.js';
import { objectOf, textOf } from '../credential-json.js';

/** Cards as a scheme of x402, version 2: the challenges in `extra`, the credential as payload. */

export const schemeName = 'impuls';
/** Version 1 of the protocol. Whose cards they are stands in `payTo`: the origin of the vendor. */
export const networkName = 'impuls:1';

export const requiredHeader = 'PAYMENT-REQUIRED';
export const signatureHeader = 'PAYMENT-SIGNATURE';
export const responseHeader = 'PAYMENT-RESPONSE';

/** Members of `extra` that are new with each answer. */
export const dynamicExtra = ['challenge', 'session'];

/** Base64 of JSON, as the headers of x402 carry it. */
export function encodeHeader(value: object): string {
  let binary = '';
  for (const byte of utf8(JSON.stringify(value))) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** undefined for what is no object, or longer than 16 KiB. */
export function decodeHeader(text: string | null | undefined): JsonObject | undefined {
  if (!text || text.length > limits.challengeBytes) return undefined;
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return undefined;
  }
  try {
    return objectOf(parseJson(fromUtf8(Uint8Array.from(binary, (one) => one.charCodeAt(0)))));
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}

/** A challenge in `extra`, as JSON. */
export function challengeJson({ id, realm, method, intent, request, expires }: Challenge): JsonObject {
  return { id, realm, method, intent, request, ...(expires !== undefined && { expires }) };
}

export function isCards(requirements: JsonObject | undefined): boolean {
  return textOf(requirements?.['scheme']) === schemeName && textOf(requirements?.['network']) === networkName;
}

/** Of an answer to a claim, in `extra` of `PAYMENT-RESPONSE`. */
export interface Outcome {
  /** What `Payment-Receipt` says. */
  readonly receipt?: string | undefined;
  /** What `Impuls-State` says. */
  readonly state?: string | undefined;
  /** The refusal, with the status that it would have had. */
  readonly problem?: JsonObject | undefined;
}
