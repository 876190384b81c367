import { toBase64url } from './base64url.js';
import { concat, fromUtf8, utf8 } from './bytes.js';
import { ImpulsError, isImpulsError } from './errors.js';
import { sha256 } from './hash.js';
import { crowdedDenomination, liveKeys } from './key-life.js';
import { limits } from './limits.js';
import { checkModulus } from './modulus.js';
import { canonicalJson, parseJson, type JsonObject, type JsonValue } from './wire/canonical-json.js';
import { expectArray, expectBytes, expectObject, expectText, expectUint32 } from './wire/json-members.js';

/**
 * The key document (docs/spec.md §2): what a vendor publishes, and a wallet pins. It has the shape of its JSON: ids, keys and
 * digests are base64url.
 */
export interface KeyDocument {
  readonly version: 1;
  /** `https://host`, as `URL.origin` writes it; `http:` too, for tests. */
  readonly origin: string;
  /** Of the vendor, for people. */
  readonly name: string;
  readonly unit: Unit;
  readonly activation: { readonly id: string; /** X25519, 32 bytes. */ readonly key: string };
  readonly statement: {
    /** Ed25519, 32 bytes. */
    readonly key: string;
    /** The keys before it, oldest first: what names a time before `until` may be signed with one of them. */
    readonly earlier?: readonly { readonly key: string; /** Unix seconds. */ readonly until: number }[];
  };
  readonly cards: readonly IssuingKey[];
  /** Keys that issue no more, though their entry says so; an entry itself never changes. */
  readonly revoked?: readonly Revocation[];
  readonly endpoints: Endpoints;
  readonly policy: Policy;
  /** The digest of every earlier document, oldest first. */
  readonly previous: readonly string[];
}

/** Decides the denomination and the expiry of the cards that it signs. Times are Unix seconds. */
export interface IssuingKey {
  readonly id: string;
  /** The modulus, 384 bytes; the exponent is 65537. */
  readonly n: string;
  /** Units of a card, at least 1. */
  readonly denomination: number;
  readonly epoch: string;
  /** It signs from `notBefore` and before `notAfter`, at least 30 days. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Its cards are spent before `expires`. */
  readonly expires: number;
}

/** The end of an issuing key before its time. Cards that are activated stay good. Times are Unix seconds. */
export interface Revocation {
  /** Of the issuing key. */
  readonly id: string;
  /** `leaked`: somebody else can sign cards with it. `lost`: nobody can. */
  readonly reason: 'leaked' | 'lost';
  /** From then on it issues nothing. */
  readonly time: number;
  /** `leaked` only, not before `time`: from then on no card of it is activated for the first time. */
  readonly activateUntil?: number;
}

export interface Unit {
  readonly code: string;
  readonly currency: string;
  /** What one unit is worth in the currency, a decimal. */
  readonly value: string;
}

/** Paths on the document's origin. */
export interface Endpoints {
  readonly activate: string;
  readonly issue: string;
  readonly order: string;
  readonly state: string;
  readonly statement: string;
  /** Where units become an exchange or a refund; a vendor without it takes no cards back. */
  readonly credit?: string;
  /** Below it streams are paid as they go on; a vendor without it meters none. */
  readonly meter?: string;
}

export interface Policy {
  /** Seconds after their end in which cards can still be exchanged, and refunded if anything is. */
  readonly grace: number;
  /** `reference`: units are refunded against a reference that the operator pays out. Absent: they are not. */
  readonly refund?: 'reference';
  /** Seconds. */
  readonly retention: number;
}

/** A document as it was received. */
export interface ReceivedDocument {
  readonly document: KeyDocument;
  /** `D`, the hash of its bytes, 32 bytes. */
  readonly digest: Uint8Array;
  /** The entry of each issuing key in canonical JSON, by id. */
  readonly entries: ReadonlyMap<string, string>;
}

const leastIssuingSeconds = 30 * 24 * 3600;
const decimal = /^(0|[1-9]\d{0,8})(\.\d{1,9})?$/;
const token = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const displayName = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,200}$/u;

/** @param n 384 bytes @returns the base64url of 16 bytes */
export function issuingKeyId(n: Uint8Array): string {
  return toBase64url(sha256(concat(utf8('impuls/1 issuing key'), n)).subarray(0, 16));
}

/** @param key 32 bytes @returns the base64url of 8 bytes */
export function activationKeyId(key: Uint8Array): string {
  return toBase64url(sha256(concat(utf8('impuls/1 activation key'), key)).subarray(0, 8));
}

/**
 * What so many units are worth, exactly: `worthOf(3, { currency: 'USD', value: '0.001' })` is `0.003 USD`.
 * @throws ImpulsError `invalid-argument` for units that cannot be counted
 */
export function worthOf(units: number, unit: Pick<Unit, 'currency' | 'value'>): string {
  if (!Number.isSafeInteger(units) || units < 0) {
    throw new ImpulsError('invalid-argument', `not a number of units: ${units}`);
  }
  const [whole, fraction = ''] = unit.value.split('.') as [string, string?];
  const digits = (BigInt(units) * BigInt(whole + fraction)).toString().padStart(fraction.length + 1, '0');
  const at = digits.length - fraction.length;
  const cents = digits.slice(at).replace(/0+$/, '');
  return `${digits.slice(0, at)}${cents && '.'}${cents} ${unit.currency}`;
}

/** @returns canonical JSON, to be served byte for byte @throws ImpulsError `bad-document` if a wallet would refuse it */
export function formatKeyDocument(document: KeyDocument): Uint8Array {
  const bytes = utf8(canonicalJson(document as unknown as JsonValue));
  parseKeyDocument(bytes);
  return bytes;
}

/**
 * Reads and checks a whole document; members that it does not know are ignored.
 * @throws ImpulsError `too-large`, or `bad-document`
 */
export function parseKeyDocument(bytes: Uint8Array): ReceivedDocument {
  if (bytes.length > limits.documentBytes) {
    throw new ImpulsError('too-large', `a key document of more than ${limits.documentBytes} bytes`);
  }
  try {
    const text = fromUtf8(bytes);
    const json = expectObject(parseJson(text), 'the document');
    check(canonicalJson(json) === text, 'is not canonical JSON');
    const document = readDocument(json);
    const raw = json['cards'] as readonly JsonObject[];
    const entries = new Map(document.cards.map(({ id }, index) => [id, canonicalJson(raw[index]!)]));
    return { document, digest: sha256(bytes), entries };
  } catch (error) {
    if (!isImpulsError(error, 'malformed') && !isImpulsError(error, 'bad-key')) throw error;
    throw badDocument(`does not hold: ${error.message}`, error);
  }
}

function readDocument(json: JsonObject): KeyDocument {
  check(json['version'] === 1, 'is not of version 1');
  const activation = expectObject(json['activation'], 'activation');
  const activationKey = expectBytes(activation['key'], 32, 'activation.key');
  const activationId = activationKeyId(activationKey);
  check(activation['id'] === activationId, 'has an activation.id that is not of its key');
  const origin = readOrigin(json['origin']);
  const list = expectArray(json['cards'], 'cards');
  check(list.length <= limits.documentCards, `has more than ${limits.documentCards} issuing keys`);
  const cards = list.map((entry, i) => readCard(expectObject(entry, `cards[${i}]`), `cards[${i}]`));
  const revoked = json['revoked'] === undefined ? undefined : readRevoked(json['revoked'], cards);
  check(new Set(cards.map(({ id }) => id)).size === cards.length, 'names an issuing key twice');
  const crowded = crowdedDenomination({ cards, ...(revoked && { revoked }) });
  check(crowded === undefined, `has more than ${liveKeys} keys of denomination ${crowded} live at a time`);
  return {
    version: 1,
    origin,
    name: matching(displayName, json['name'], 'name'),
    unit: readUnit(expectObject(json['unit'], 'unit')),
    activation: { id: activationId, key: toBase64url(activationKey) },
    statement: readStatement(expectObject(json['statement'], 'statement')),
    cards,
    ...(revoked && { revoked }),
    endpoints: readEndpoints(expectObject(json['endpoints'], 'endpoints'), origin),
    policy: readPolicy(expectObject(json['policy'], 'policy')),
    previous: expectArray(json['previous'], 'previous').map((digest) => base64url(digest, 32, 'previous')),
  };
}

function readUnit(json: JsonObject): Unit {
  return {
    code: matching(token, json['code'], 'unit.code'),
    currency: matching(token, json['currency'], 'unit.currency'),
    value: matching(decimal, json['value'], 'unit.value'),
  };
}

function readPolicy(json: JsonObject): Policy {
  return {
    grace: expectUint32(json['grace'], 'policy.grace'),
    ...(json['refund'] === 'reference' && { refund: 'reference' as const }),
    retention: expectUint32(json['retention'], 'policy.retention'),
  };
}

function readEndpoints(json: JsonObject, origin: string): Endpoints {
  const path = (name: keyof Endpoints): string => {
    const text = expectText(json[name], `endpoints.${name}`);
    check(text.startsWith('/') && text.length <= 1024, `has an endpoints.${name} that is not a path`);
    const plain = urlOf(text, origin)?.href === origin + text && !text.includes('#');
    check(plain, `has an endpoints.${name} that is not a plain path`);
    return text;
  };
  return {
    activate: path('activate'),
    issue: path('issue'),
    order: path('order'),
    state: path('state'),
    statement: path('statement'),
    ...(json['credit'] !== undefined && { credit: path('credit') }),
    ...(json['meter'] !== undefined && { meter: path('meter') }),
  };
}

function readStatement(json: JsonObject): KeyDocument['statement'] {
  const key = base64url(json['key'], 32, 'statement.key');
  if (json['earlier'] === undefined) return { key };
  const earlier = expectArray(json['earlier'], 'statement.earlier').map((item, i) => {
    const where = `statement.earlier[${i}]`;
    const entry = expectObject(item, where);
    return {
      key: base64url(entry['key'], 32, `${where}.key`),
      until: expectUint32(entry['until'], `${where}.until`),
    };
  });
  return { key, earlier };
}

function readRevoked(value: JsonValue, cards: readonly IssuingKey[]): Revocation[] {
  const revoked = expectArray(value, 'revoked').map((item, i): Revocation => {
    const where = `revoked[${i}]`;
    const json = expectObject(item, where);
    const { id, reason } = json;
    check(
      typeof id === 'string' && cards.some((key) => key.id === id),
      `has a ${where}.id that is no key of it`,
    );
    check(reason === 'leaked' || reason === 'lost', `has a ${where}.reason that is none`);
    const time = expectUint32(json['time'], `${where}.time`);
    if (reason === 'lost') return { id, reason, time };
    const activateUntil = expectUint32(json['activateUntil'], `${where}.activateUntil`);
    check(activateUntil >= time, `has a ${where}.activateUntil before its time`);
    return { id, reason, time, activateUntil };
  });
  check(new Set(revoked.map(({ id }) => id)).size === revoked.length, 'revokes an issuing key twice');
  return revoked;
}

function readCard(json: JsonObject, where: string): IssuingKey {
  const number = (name: string) => expectUint32(json[name], `${where}.${name}`);
  const n = expectBytes(json['n'], 384, `${where}.n`);
  checkModulus(n);
  const key: IssuingKey = {
    id: issuingKeyId(n),
    n: toBase64url(n),
    denomination: number('denomination'),
    epoch: matching(token, json['epoch'], `${where}.epoch`),
    notBefore: number('notBefore'),
    notAfter: number('notAfter'),
    expires: number('expires'),
  };
  check(json['id'] === key.id, `has a ${where}.id that is not of its key`);
  check(key.denomination > 0, `has a ${where}.denomination of 0`);
  check(key.notAfter - key.notBefore >= leastIssuingSeconds, `has ${where} issue for less than 30 days`);
  check(key.expires >= key.notAfter, `has the cards of ${where} expire while they are issued`);
  return key;
}

function readOrigin(value: JsonValue | undefined): string {
  const origin = expectText(value, 'origin');
  const url = urlOf(origin);
  check(
    url !== undefined && url.origin === origin && /^https?:$/.test(url.protocol),
    'has an origin that is none',
  );
  return origin;
}

function base64url(value: JsonValue | undefined, length: number, what: string): string {
  return toBase64url(expectBytes(value, length, what));
}

function urlOf(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

function matching(pattern: RegExp, value: JsonValue | undefined, what: string): string {
  const text = expectText(value, what);
  check(pattern.test(text), `has a ${what} that is out of form`);
  return text;
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw badDocument(what);
}

function badDocument(what: string, cause?: unknown): ImpulsError {
  return new ImpulsError('bad-document', `the key document ${what}`, { cause });
}
