import { ImpulsError, malformed } from '../errors.js';

/** I-JSON (RFC 7493) in, canonical JSON (RFC 8785) out. */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** Arrays and objects within each other, the outermost included. */
const maxDepth = 32;
const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;
const surrogate = /[\ud800-\udfff]/;
const loneSurrogate = /\p{Surrogate}/u;

/**
 * RFC 8785: members in the order of their UTF-16 code units, numbers as ECMAScript writes them, no white space.
 * What `parseJson` returned is always taken.
 *
 * @throws ImpulsError `invalid-argument` for NaN, an infinity, a lone surrogate, what JSON does not have, or more
 *   than 32 levels
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, 0);
}

function write(value: JsonValue, depth: number): string {
  switch (typeof value) {
    case 'string':
      if (loneSurrogate.test(value))
        throw new ImpulsError('invalid-argument', 'a lone surrogate is not text');
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new ImpulsError('invalid-argument', `JSON has no ${value}`);
      return String(value);
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      break;
    default:
      throw new ImpulsError('invalid-argument', `JSON has no ${typeof value}`);
  }
  if (depth === maxDepth) throw new ImpulsError('invalid-argument', `more than ${maxDepth} levels of JSON`);
  if (isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${write(name, depth)}:${write(value[name]!, depth + 1)}`).join(',')}}`;
}

/**
 * JSON as the protocol takes it (docs/spec.md §1): no member named twice in an object, no lone surrogate, no number
 * beyond double precision, at most 32 levels. The caller bounds the length. A member `__proto__` is one like any other.
 *
 * @throws ImpulsError `malformed`
 */
export function parseJson(text: string): JsonValue {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // The cause would quote the text, which may hold secrets.
    throw malformed('not JSON');
  }
  // JSON.parse keeps the last of two members of one name: fewer are then kept than were written.
  if (keptMembers(value, 0) !== writtenMembers(text)) throw malformed('a JSON object names a member twice');
  if (text.includes('\\u') || surrogate.test(text)) checkText(value);
  return value;
}

/** Counts the members of all objects in the tree, and refuses what is not I-JSON. */
function keptMembers(value: JsonValue, depth: number): number {
  if (typeof value === 'number' && !Number.isFinite(value)) throw malformed('a JSON number is too large');
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === maxDepth) throw malformed(`more than ${maxDepth} levels of JSON`);
  let count = 0;
  if (isArray(value)) {
    for (const item of value) count += keptMembers(item, depth + 1);
    return count;
  }
  for (const name in value) {
    if (Object.hasOwn(value, name)) count += 1 + keptMembers(value[name]!, depth + 1);
  }
  return count;
}

/** Counts the colons outside of strings. The text is known to be JSON. */
function writtenMembers(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === colon) count++;
    if (code === quote) at = stringEnd(text, at + 1);
  }
  return count;
}

/** The closing quote of a string whose first character is at `at`: one after an even number of backslashes. */
function stringEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === backslash) before--;
    if ((end - before) % 2 === 1) return end;
  }
}

function checkText(value: JsonValue): void {
  if (typeof value === 'string' && loneSurrogate.test(value)) throw malformed('a lone surrogate in JSON');
  if (typeof value !== 'object' || value === null) return;
  if (!isArray(value)) checkText(Object.keys(value));
  for (const item of Object.values(value)) checkText(item);
}

/** `Array.isArray` does not narrow a readonly array. */
function isArray(value: readonly JsonValue[] | JsonObject): value is readonly JsonValue[] {
  return Array.isArray(value);
}
