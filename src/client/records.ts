import { fromBase64url, toBase64url } from '../core/base64url.js';
import { utf8 } from '../core/bytes.js';
import type { CardId } from '../core/card.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { generators, type GeneratorName } from '../core/generators.js';
import { sha256 } from '../core/hash.js';
import { protocols, type CardKind } from '../core/protocol.js';
import { parseJson, type JsonObject, type JsonValue } from '../core/wire/canonical-json.js';
import { challengeFromJson, type Challenge } from '../core/wire/challenge.js';
import {
  expectArray,
  expectBytes,
  expectObject,
  expectText,
  expectUint32,
  optionalText,
} from '../core/wire/json-members.js';
import type { Range } from './allocate.js';
import type { Payment } from './summary.js';

/**
 * What a wallet stores: JSON under a key. Every reader refuses what does not fit with `storage-corrupt`; a wallet with
 * one such record does not open, so that nothing is paid by guess.
 *
 *   format           the version of all this
 *   vendor:<origin>  VendorRecord
 *   card:<id>        CardRecord, secret
 *   account:<id>     AccountRecord of that card
 *   order:<hash>     OrderRecord, secret: a redemption that is not finished
 *   credit:<hash>    CreditRecord, secret: units that go back to their vendor
 *   claim:<tag>      ClaimRecord: not settled yet
 *   kept:<tag>       ClaimRecord: settled; what it paid for is not confirmed to have arrived
 *   payment:<n>      Payment; n rises, the last 1,000 are kept
 */

export const formatKey = 'format';
export const formatVersion = '1';

/** The key document that is pinned, as received. */
export interface VendorRecord {
  readonly document: string;
}

export interface CardRecord extends CardKind {
  /** The vendor's origin. */
  readonly vendor: string;
  /** The issuing key's id, base64url. */
  readonly key: string;
  /** Units bought. */
  readonly units: number;
  /** Unix seconds. */
  readonly expires: number;
  /** 32 bytes, secret. */
  readonly seed: Uint8Array;
  /** 32 bytes, secret until activation. */
  readonly randomizer: Uint8Array;
  /** 384 bytes, secret until activation. */
  readonly signature: Uint8Array;
  /** Unix seconds by the wallet's clock: the card is not shown to its vendor before. */
  readonly usableFrom?: number | undefined;
}

export interface AccountRecord {
  readonly activated: boolean;
  /** The vendor said that a proof does not hold. */
  readonly refused: boolean;
  /** The vendor is to be asked for the card's state before the next claim. */
  readonly stale: boolean;
  readonly spent: number;
  readonly top: number;
  readonly free: readonly Range[];
}

export interface OrderRecord {
  readonly vendor: string;
  /** The voucher code, secret. */
  readonly code: string;
  readonly items: readonly OrderItem[];
}

/** A card that is being issued. */
export interface OrderItem extends CardKind {
  readonly key: string;
  readonly seed: Uint8Array;
  readonly randomizer: Uint8Array;
  /** What was sent, 384 bytes. */
  readonly blinded: Uint8Array;
  /** 384 bytes, secret; never leaves the wallet. */
  readonly inverse: Uint8Array;
}

export interface ClaimRecord {
  readonly card: CardId;
  readonly end: number;
  readonly units: number;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  /** Upper case. */
  readonly method: string;
  readonly url: string;
  /** What the challenge declares, lower case, ascending; absent ones are empty. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** SHA-256 of the body. */
  readonly digest?: Uint8Array | undefined;
  readonly seal?: 'aes128gcm' | undefined;
  readonly challenge: Challenge;
  /** The media type and the body, to be sent again; absent if there is none or it is longer than 64 KiB. */
  readonly contentType?: string | undefined;
  readonly body?: Uint8Array | undefined;
  /** The request's `Idempotency-Key`, to be sent again: what this claim pays for may be asked for with another one too. */
  readonly idempotencyKey?: string | undefined;
  /** When it is settled the record is kept until what was paid for has arrived. */
  readonly keep?: true | undefined;
  /** The name of the CreditRecord that its units go to: it is no payment. */
  readonly credit?: string | undefined;
}

/** The name of an order's record: shows nothing of its code to who reads keys only. */
export function orderName(vendor: string, code: string): string {
  return toBase64url(sha256(utf8(`impuls/1 order record ${vendor} ${code}`)).subarray(0, 16));
}

/** Reads one record. @throws ImpulsError `storage-corrupt` */
export function parseRecord<T>(key: string, text: string, read: (json: JsonObject) => T): T {
  try {
    return read(expectObject(parseJson(text), 'a record'));
  } catch (cause) {
    if (!isImpulsError(cause)) throw cause;
    throw new ImpulsError(
      'storage-corrupt',
      `the wallet's record ${key.split(':')[0]} cannot be read: ${cause.message}`,
      {
        hint: 'Restore the wallet from a backup into a new storage, and keep this one.',
      },
    );
  }
}

export function readVendor(json: JsonObject): VendorRecord {
  return { document: expectText(json['document'], 'document') };
}

export function formatVendor({ document }: VendorRecord): string {
  return JSON.stringify({ document });
}

export function readCard(json: JsonObject): CardRecord {
  return {
    ...readKind(json),
    vendor: expectText(json['vendor'], 'vendor'),
    key: keyId(json['key']),
    units: expectUint32(json['units'], 'units'),
    expires: expectUint32(json['expires'], 'expires'),
    seed: expectBytes(json['seed'], 32, 'seed'),
    randomizer: expectBytes(json['randomizer'], 32, 'randomizer'),
    signature: expectBytes(json['signature'], 384, 'signature'),
    usableFrom: json['usableFrom'] === undefined ? undefined : expectUint32(json['usableFrom'], 'usableFrom'),
  };
}

export function formatCard(card: CardRecord): string {
  const { vendor, key, units, expires, usableFrom } = card;
  return JSON.stringify({
    vendor,
    ...kindOf(card),
    key,
    units,
    expires,
    seed: toBase64url(card.seed),
    randomizer: toBase64url(card.randomizer),
    signature: toBase64url(card.signature),
    usableFrom,
  });
}

export function readAccount(json: JsonObject): AccountRecord {
  const free = expectArray(json['free'], 'free').map((range): Range => {
    const [from, to, ...more] = expectArray(range, 'a range');
    if (more.length > 0) throw corrupt('a range');
    return [expectUint32(from, 'from'), expectUint32(to, 'to')];
  });
  if (free.some(([from, to], i) => from >= to || (i > 0 && free[i - 1]![1] >= from))) throw corrupt('free');
  return {
    activated: expectBoolean(json['activated'], 'activated'),
    refused: expectBoolean(json['refused'], 'refused'),
    stale: expectBoolean(json['stale'], 'stale'),
    spent: expectUint32(json['spent'], 'spent'),
    top: expectUint32(json['top'], 'top'),
    free,
  };
}

export function formatAccount({ activated, refused, stale, spent, top, free }: AccountRecord): string {
  return JSON.stringify({ activated, refused, stale, spent, top, free });
}

export function readOrder(json: JsonObject): OrderRecord {
  return {
    vendor: expectText(json['vendor'], 'vendor'),
    code: expectText(json['code'], 'code'),
    items: expectArray(json['items'], 'items').map((value) => {
      const item = expectObject(value, 'an item');
      return {
        ...readKind(item),
        key: keyId(item['key']),
        seed: expectBytes(item['seed'], 32, 'seed'),
        randomizer: expectBytes(item['randomizer'], 32, 'randomizer'),
        blinded: expectBytes(item['blinded'], 384, 'blinded'),
        inverse: expectBytes(item['inverse'], 384, 'inverse'),
      };
    }),
  };
}

export function formatOrder({ vendor, code, items }: OrderRecord): string {
  return JSON.stringify({
    vendor,
    code,
    items: items.map((item) => ({
      ...kindOf(item),
      key: item.key,
      seed: toBase64url(item.seed),
      randomizer: toBase64url(item.randomizer),
      blinded: toBase64url(item.blinded),
      inverse: toBase64url(item.inverse),
    })),
  });
}

export function readClaim(json: JsonObject): ClaimRecord {
  const { digest, seal, body, keep } = json;
  if (seal !== undefined && seal !== 'aes128gcm') throw corrupt('seal');
  if (keep !== undefined && keep !== true) throw corrupt('keep');
  return {
    card: expectText(json['card'], 'card'),
    end: positive(json['end'], 'end'),
    units: positive(json['units'], 'units'),
    nonce: expectBytes(json['nonce'], 16, 'nonce'),
    method: expectText(json['method'], 'method'),
    url: expectText(json['url'], 'url'),
    headers: expectArray(json['headers'], 'headers').map((header) => {
      const [name, value] = expectArray(header, 'a header');
      return [expectText(name, 'name'), expectText(value, 'value')] as const;
    }),
    digest: digest === undefined ? undefined : expectBytes(digest, 32, 'digest'),
    seal,
    challenge: challengeFromJson(expectObject(json['challenge'], 'challenge')),
    contentType: optionalText(json['contentType'], 'contentType'),
    body: body === undefined ? undefined : fromBase64url(expectText(body, 'body')),
    idempotencyKey: optionalText(json['idempotencyKey'], 'idempotencyKey'),
    keep,
    credit: optionalText(json['credit'], 'credit'),
  };
}

export function formatClaim(claim: ClaimRecord): string {
  const { nonce, digest, body, ...rest } = claim;
  return JSON.stringify({
    ...rest,
    nonce: toBase64url(nonce),
    digest: digest && toBase64url(digest),
    body: body && toBase64url(body),
  });
}

const settled = ['accepted', 'repeated', 'outcome-unknown', 'already-claimed'] as const;

export function readPayment(json: JsonObject): Payment {
  const verdict = settled.find((name) => name === json['verdict']);
  const { time, remaining } = json;
  if (!verdict || typeof time !== 'number') throw corrupt('a payment');
  return {
    time,
    method: expectText(json['method'], 'method'),
    url: expectText(json['url'], 'url'),
    units: expectUint32(json['units'], 'units'),
    worth: expectText(json['worth'], 'worth'),
    reference: expectText(json['reference'], 'reference'),
    fingerprint: expectText(json['fingerprint'], 'fingerprint'),
    card: expectText(json['card'], 'card'),
    vendor: expectText(json['vendor'], 'vendor'),
    protocol: readKind(json).protocol,
    end: expectUint32(json['end'], 'end'),
    remaining: remaining === undefined ? undefined : expectUint32(remaining, 'remaining'),
    verdict,
  };
}

/** Reads `protocol` and `generator`. @throws ImpulsError `malformed` */
export function readKind(json: JsonObject): CardKind {
  const protocol = expectText(json['protocol'], 'protocol');
  const generator = optionalText(json['generator'], 'generator');
  if (!isMember(protocols, protocol)) throw new ImpulsError('unsupported', 'an unknown protocol');
  if (generator === undefined) return { protocol };
  if (!isMember(generators, generator)) throw new ImpulsError('unsupported', 'an unknown generator');
  return { protocol, generator };
}

/** What is written of a kind: `stream` says its generator. */
export function kindOf({ protocol, generator }: CardKind): {
  readonly protocol: string;
  readonly generator?: GeneratorName;
} {
  return protocol === 'stream' ? { protocol, generator: generator ?? 'chacha20' } : { protocol };
}

function isMember<T extends object>(table: T, name: string): name is Extract<keyof T, string> {
  return Object.hasOwn(table, name);
}

function keyId(value: JsonValue | undefined): string {
  return toBase64url(expectBytes(value, 16, 'key'));
}

function positive(value: JsonValue | undefined, what: string): number {
  const number = expectUint32(value, what);
  if (number === 0) throw corrupt(what);
  return number;
}

function expectBoolean(value: JsonValue | undefined, what: string): boolean {
  if (typeof value !== 'boolean') throw corrupt(what);
  return value;
}

function corrupt(what: string): ImpulsError {
  return new ImpulsError('malformed', `${what} does not fit`);
}
