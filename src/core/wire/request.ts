import { ImpulsError, malformed } from '../errors.js';
import { limits } from '../limits.js';
import { decodeText, encodeText } from './base64url-text.js';
import { canonicalJson, parseJson, type JsonValue } from './canonical-json.js';
import { expectArray, expectBytes, expectDecimal, expectObject, expectText } from './json-members.js';

/** The `request` of a challenge of method `impuls` (docs/spec.md §8), as JSON. */
export interface ImpulsRequest {
  /** The price in units: a decimal string from 1 to 2^32 − 1. */
  readonly amount: string;
  /** The code of the unit of the vendor's cards. */
  readonly currency: string;
  readonly methodDetails: {
    /** D, the digest of the key document: base64url of 32 bytes. */
    readonly document: string;
    /** The headers that a claim covers, only if there are any: lower case, ascending, at most 8. */
    readonly headers?: readonly string[] | undefined;
    /** Of a `charge` challenge only: base64url of 16 random bytes. */
    readonly nonce?: string | undefined;
    /** Only where the answer must be sealed: a claim asks for it by the same member of its payload. */
    readonly seal?: 'aes128gcm' | undefined;
    /** What one unit is worth: a decimal string in a currency. */
    readonly unit: { readonly currency: string; readonly value: string };
    readonly version: 1;
  };
}

const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const currencyCode = /^[!-~]{1,64}$/;
const decimalFraction = /^(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?$/;

/** @returns base64url of canonical JSON @throws like `decodeRequest` */
export function encodeRequest(value: ImpulsRequest): string {
  return encodeText(canonicalJson(readRequest(value as unknown as JsonValue) as unknown as JsonValue));
}

/**
 * Unknown members are ignored.
 *
 * @throws ImpulsError `malformed`; `unsupported` for another version
 */
export function decodeRequest(request: string): ImpulsRequest {
  if (request.length > limits.challengeBytes) throw malformed('a request is too long');
  return readRequest(parseJson(decodeText(request)));
}

/** From JSON, as MCP carries it. @throws like `decodeRequest` */
export function readRequest(value: JsonValue): ImpulsRequest {
  const json = expectObject(value, 'request');
  const details = expectObject(json['methodDetails'], 'methodDetails');
  const { version } = details;
  if (version !== 1) throw new ImpulsError('unsupported', 'a version of method impuls that is not 1');
  const unit = expectObject(details['unit'], 'unit');
  expectDecimal(json['amount'], 'amount');
  expectBytes(details['document'], 32, 'document');
  if (details['nonce'] !== undefined) expectBytes(details['nonce'], 16, 'nonce');
  return {
    amount: expectText(json['amount'], 'amount'),
    currency: expectMatch(json['currency'], currencyCode, 'currency'),
    methodDetails: {
      document: expectText(details['document'], 'document'),
      ...(details['headers'] !== undefined && { headers: readHeaders(details['headers']) }),
      ...(details['nonce'] !== undefined && { nonce: expectText(details['nonce'], 'nonce') }),
      ...(details['seal'] !== undefined && { seal: readSeal(details['seal']) }),
      unit: {
        currency: expectMatch(unit['currency'], currencyCode, 'unit.currency'),
        value: expectMatch(unit['value'], decimalFraction, 'unit.value'),
      },
      version,
    },
  };
}

function readHeaders(value: JsonValue): string[] {
  const names = expectArray(value, 'headers').map((name) =>
    expectMatch(name, headerName, 'a declared header'),
  );
  const ascending = names.every((name, i) => i === 0 || names[i - 1]! < name);
  if (names.length === 0 || names.length > limits.declaredHeaders || !ascending) {
    throw malformed(`headers are not 1 to ${limits.declaredHeaders} names in ascending order`);
  }
  return names;
}

function readSeal(value: JsonValue): 'aes128gcm' {
  if (value !== 'aes128gcm') throw malformed('seal is not "aes128gcm"');
  return value;
}

function expectMatch(value: JsonValue | undefined, pattern: RegExp, what: string): string {
  const text = expectText(value, what);
  if (!pattern.test(text)) throw malformed(`${what} is not well formed`);
  return text;
}
