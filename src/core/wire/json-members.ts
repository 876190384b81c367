import { fromBase64url } from '../base64url.js';
import { malformed } from '../errors.js';
import { limits } from '../limits.js';
import type { JsonObject, JsonValue } from './canonical-json.js';

/** Reads members of JSON that came from outside. Each throws `malformed`, and names what it missed. */

export function expectObject(value: JsonValue | undefined, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`${what} is not an object`);
  return value as JsonObject;
}

export function expectArray(value: JsonValue | undefined, what: string): readonly JsonValue[] {
  if (!Array.isArray(value)) throw malformed(`${what} is not an array`);
  return value as readonly JsonValue[];
}

export function expectText(value: JsonValue | undefined, what: string): string {
  if (typeof value !== 'string') throw malformed(`${what} is not text`);
  return value;
}

export function optionalText(value: JsonValue | undefined, what: string): string | undefined {
  return value === undefined ? undefined : expectText(value, what);
}

export function expectUint32(value: JsonValue | undefined, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > limits.maxUint32) {
    throw malformed(`${what} is not an unsigned 32-bit integer`);
  }
  return value;
}

const positiveDecimal = /^[1-9][0-9]{0,9}$/;

/** A decimal string, 1 to 2^32 − 1, without leading zeros. */
export function expectDecimal(value: JsonValue | undefined, what: string): number {
  const number = typeof value === 'string' && positiveDecimal.test(value) ? Number(value) : 0;
  if (number < 1 || number > limits.maxUint32) throw malformed(`${what} is not a decimal from 1 to 2^32 − 1`);
  return number;
}

/** Canonical base64url of `length` bytes. */
export function expectBytes(value: JsonValue | undefined, length: number, what: string): Uint8Array {
  return fromBase64url(expectText(value, what), length);
}
