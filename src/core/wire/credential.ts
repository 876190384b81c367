import { toBase64url } from '../base64url.js';
import type { Claim } from '../claim.js';
import { ImpulsError, malformed } from '../errors.js';
import { limits } from '../limits.js';
import { protocols, type ProtocolName } from '../protocol.js';
import { decodeText, encodeText } from './base64url-text.js';
import { parseJson, type JsonObject, type JsonValue } from './canonical-json.js';
import { challengeFromJson, type Challenge } from './challenge.js';
import { expectBytes, expectDecimal, expectObject, expectText } from './json-members.js';

/** The name of our method in challenges and receipts. */
export const methodName = 'impuls';

/** What pays: a claim and its tag (docs/spec.md §6.1, §8). */
export interface PaymentPayload extends Claim {
  readonly action: 'pay';
  /** 16 bytes. */
  readonly tag: Uint8Array;
  /** SHA-256 of the request's body; absent without one. */
  readonly digest?: Uint8Array | undefined;
  /** Present if the reply's body is to be sealed. */
  readonly seal?: 'aes128gcm' | undefined;
}

export interface Credential {
  readonly challenge: Challenge;
  readonly payload: PaymentPayload;
}

/**
 * The value of `Authorization`: `Payment` and the base64url of JSON, the challenge's members as received.
 *
 * @throws ImpulsError `too-large` beyond 8 KiB
 */
export function formatCredential(challenge: Challenge, payload: PaymentPayload): string {
  const { action, card, protocol, end, units, nonce, proof, tag, digest, seal } = payload;
  // A CredentialParser is fastest with this order.
  const json = JSON.stringify({
    action,
    card: toBase64url(card),
    protocol,
    end: String(end),
    units: String(units),
    nonce: toBase64url(nonce),
    proof: toBase64url(proof),
    tag: toBase64url(tag),
    digest: digest && toBase64url(digest),
    seal,
  });
  const value = `Payment ${encodeText(`${formatHead(challenge)}"payload":${json}}`)}`;
  if (value.length > limits.credentialBytes) throw new ImpulsError('too-large', 'a credential is too long');
  return value;
}

/** The beginning of a credential's JSON, up to its payload. */
export function formatHead(challenge: Challenge): string {
  const { id, realm, method, intent, request, expires, digest, opaque, description } = challenge;
  const members = { id, realm, method, intent, request, expires, digest, opaque, description };
  return `{"challenge":${JSON.stringify(members)},`;
}

/**
 * Members beside `challenge` and `payload`, and unknown members of the challenge, are ignored. The payload is strict.
 *
 * @param headerValue of `Authorization`, at most 8 KiB
 * @returns null if it is not for us: another scheme, or another method
 * @throws ImpulsError `malformed`
 */
export function parseCredential(headerValue: string): Credential | null {
  const start = findToken(headerValue);
  if (start === -1) return null;
  const json = expectObject(parseJson(decodeText(headerValue.slice(start))), 'credential');
  const challenge = readChallenge(expectObject(json['challenge'], 'challenge'));
  return challenge && { challenge, payload: readPayload(json['payload']) };
}

const scheme = /^payment(?: |$)/i;

/** Where the base64url of a credential begins, or −1 for another scheme. @throws ImpulsError `malformed` if it is too long */
export function findToken(headerValue: string): number {
  if (!scheme.test(headerValue)) return -1;
  if (headerValue.length > limits.credentialBytes) throw malformed('a credential is too long');
  let start = 'payment'.length;
  while (headerValue.startsWith(' ', start)) start++;
  return start;
}

function readChallenge(json: JsonObject): Challenge | null {
  return expectText(json['method'], 'method') === methodName ? challengeFromJson(json) : null;
}

const payloadMembers = new Set([
  'action',
  'card',
  'protocol',
  'end',
  'units',
  'nonce',
  'proof',
  'tag',
  'digest',
  'seal',
]);

/** @throws ImpulsError `malformed`, also for an unknown member */
export function readPayload(value: JsonValue | undefined): PaymentPayload {
  const json = expectObject(value, 'payload');
  for (const name of Object.keys(json)) {
    if (!payloadMembers.has(name)) throw malformed('an unknown member in a payload');
  }
  const { action, protocol, digest, seal } = json;
  if (action !== 'pay') throw malformed('an unknown action');
  if (typeof protocol !== 'string' || !isProtocol(protocol)) throw malformed('an unknown protocol');
  if (seal !== undefined && seal !== 'aes128gcm') throw malformed('an unknown seal');
  const end = expectDecimal(json['end'], 'end');
  const units = expectDecimal(json['units'], 'units');
  if (end < protocols[protocol].leastEnd(units)) throw malformed('a claim of units below the first');
  return {
    action,
    card: expectBytes(json['card'], 16, 'card'),
    protocol,
    end,
    units,
    nonce: expectBytes(json['nonce'], 16, 'nonce'),
    proof: expectBytes(json['proof'], protocols[protocol].proofBytes, 'proof'),
    tag: expectBytes(json['tag'], 16, 'tag'),
    digest: digest === undefined ? undefined : expectBytes(digest, 32, 'digest'),
    seal,
  };
}

function isProtocol(name: string): name is ProtocolName {
  return Object.hasOwn(protocols, name);
}
