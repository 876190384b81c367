import { bytesAt } from '../base64url.js';
import { malformed } from '../errors.js';
import { limits } from '../limits.js';
import { protocols, type ProtocolName } from '../protocol.js';
import { decodeText, encodeText } from './base64url-text.js';
import { parseJson } from './canonical-json.js';
import type { Challenge } from './challenge.js';
import {
  findToken,
  formatHead,
  methodName,
  parseCredential,
  readPayload,
  type Credential,
  type PaymentPayload,
} from './credential.js';
import { expectObject } from './json-members.js';

/** A challenge whose beginning of a credential is known by its characters. */
interface Remembered {
  readonly challenge: Challenge;
  /** The base64url of the head, but for its last 0 to 2 bytes. */
  readonly prefix: string;
  /** Those bytes, as text. */
  readonly tail: string;
}

/** Challenges remembered at once; the oldest makes room. At most some 10 KiB each, 1 KiB as a rule. */
const maxRemembered = 256;
/**
 * Where a token shows the id of its challenge: bytes 18 to 41, behind `{"challenge":{"id":"`. Only a key to find a
 * candidate by: the whole prefix is compared.
 */
const keyStart = 24;
const keyEnd = 56;

/**
 * `parseCredential` for a vendor: the same results and the same refusals, twice as fast where a client echoes a
 * challenge that was remembered, as one does a `session` challenge with every claim.
 */
export interface CredentialParser {
  /**
   * Like `parseCredential`. For a remembered challenge it returns the very object that was remembered.
   *
   * @throws ImpulsError `malformed`
   */
  parse(headerValue: string): Credential | null;
  /**
   * Makes later credentials with this challenge fast. Only for one whose id was verified and that may be echoed often:
   * others would let strangers push genuine ones out. To remember one again changes nothing and
   * costs next to nothing.
   */
  remember(challenge: Challenge): void;
}

export function createCredentialParser(): CredentialParser {
  const remembered = new Map<string, Remembered>();
  const studied = new WeakSet<Challenge>();
  return {
    parse(headerValue) {
      const start = findToken(headerValue);
      if (start === -1) return null;
      const known = remembered.get(headerValue.slice(start + keyStart, start + keyEnd));
      if (!known) return parseCredential(headerValue);
      const { challenge, prefix, tail } = known;
      const cut = start + prefix.length;
      // Comparing two strings of one length is much faster than startsWith.
      if (headerValue.slice(start, cut) !== prefix) return parseCredential(headerValue);
      const rest = decodeText(headerValue.slice(cut));
      if (!rest.startsWith(tail)) return parseCredential(headerValue);
      return { challenge, payload: matchPayload(rest, tail.length) ?? parsePayload(rest.slice(tail.length)) };
    },

    remember(challenge) {
      if (studied.has(challenge)) return;
      studied.add(challenge);
      const found = study(challenge);
      const key = found?.prefix.slice(keyStart, keyEnd);
      if (!found || key === undefined || remembered.has(key)) return;
      if (remembered.size >= maxRemembered) remembered.delete(remembered.keys().next().value!);
      remembered.set(key, found);
    },
  };
}

/** Null for a challenge that cannot be known by its characters alone. */
function study(challenge: Challenge): Remembered | null {
  const head = formatHead(challenge);
  if (challenge.method !== methodName || !plainAscii.test(head)) return null;
  const whole = head.length - (head.length % 3);
  return { challenge, prefix: encodeText(head.slice(0, whole)), tail: head.slice(whole) };
}

/** Text of one byte a character, without an escape. */
const plainAscii = /^[ -[\]-~]*$/;

/** The rest of a credential's JSON, as formatCredential writes it. */
const usual =
  /"payload":\{"action":"pay","card":"[\w-]{22}","protocol":"(?:chain|stream)","end":"[1-9]\d{0,9}","units":"[1-9]\d{0,9}","nonce":"[\w-]{22}","proof":"(?:[\w-]{22}|[\w-]{43})","tag":"[\w-]{22}"(?:,"digest":"[\w-]{43}")?(?:,"seal":"aes128gcm")?\}\}$/y;

/** Characters from the end of a member's value to the beginning of the next one's: `","name":"`. */
const gap = (name: string): number => name.length + 6;
const cardStart = '"payload":{"action":"pay","card":"'.length;
const [protocolGap, endGap, unitsGap] = [gap('protocol'), gap('end'), gap('units')];
const [nonceGap, proofGap, tagGap, digestGap] = [gap('nonce'), gap('proof'), gap('tag'), gap('digest')];

/**
 * What `parsePayload` would return, without a general parser; null where it is to decide. The pattern says only whether the text
 * is so; where its members lie follows from their lengths, and no text is made of any.
 */
function matchPayload(rest: string, start: number): PaymentPayload | null {
  usual.lastIndex = start;
  if (!usual.test(rest)) return null;
  const card = start + cardStart;
  let at = card + 22 + protocolGap;
  const protocol: ProtocolName = rest.charCodeAt(at) === 0x63 ? 'chain' : 'stream';
  at += protocol.length + endGap;
  const endEnd = rest.indexOf('"', at);
  const end = Number(rest.slice(at, endEnd));
  at = endEnd + unitsGap;
  const unitsEnd = rest.indexOf('"', at);
  const units = Number(rest.slice(at, unitsEnd));
  const rules = protocols[protocol];
  if (end > limits.maxUint32 || units > limits.maxUint32 || end < rules.leastEnd(units)) return null;
  const nonce = unitsEnd + nonceGap;
  const proof = nonce + 22 + proofGap;
  const proofCharacters = rules.proofBytes === 32 ? 43 : 22;
  const tag = proof + proofCharacters + tagGap;
  // A proof of the other protocol's length.
  if (rest.charCodeAt(proof + proofCharacters) !== 0x22) return null;
  const hasDigest = rest.startsWith(',"d', tag + 23);
  const sealed = rest.endsWith('"aes128gcm"}}');
  return {
    action: 'pay',
    card: bytesAt(rest, card, 22),
    protocol,
    end,
    units,
    nonce: bytesAt(rest, nonce, 22),
    proof: bytesAt(rest, proof, proofCharacters),
    tag: bytesAt(rest, tag, 22),
    digest: hasDigest ? bytesAt(rest, tag + 22 + digestGap, 43) : undefined,
    seal: sealed ? 'aes128gcm' : undefined,
  };
}

/** @param rest of the JSON, behind `{"challenge":{…},` */
function parsePayload(rest: string): PaymentPayload {
  const json = expectObject(parseJson(`{${rest}`), 'credential');
  if (json['challenge'] !== undefined) throw malformed('a JSON object names a member twice');
  return readPayload(json['payload']);
}
