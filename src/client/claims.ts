import { fromBase64url, toBase64url } from '../core/base64url.js';
import { equalBytes, toHex } from '../core/bytes.js';
import type { Card } from '../core/card.js';
import {
  computeTag,
  deriveFingerprint,
  derivePaymentKey,
  deriveReference,
  type Claim,
} from '../core/claim.js';
import { isImpulsError } from '../core/errors.js';
import type { ProtocolName } from '../core/protocol.js';
import { verifyReceipt, verifyState, type CardReport } from '../core/receipt.js';
import { formatCredential } from '../core/wire/credential.js';
import { parseReceipt } from '../core/wire/receipt-header.js';
import { parseState } from '../core/wire/state-header.js';
import type { ClaimRecord } from './records.js';
import type { Answer } from './verdicts.js';

/** A claim ready to be sent: the same from the same record, whenever it is made. */
export interface ReadyClaim {
  /** base64url, 22 characters. */
  readonly tag: string;
  /** What `Authorization` says. */
  readonly authorization: string;
  /** K, 32 bytes, secret. */
  readonly key: Uint8Array;
  /** 12 bytes as base64url. */
  readonly reference: string;
  /** 4 bytes in hex. */
  readonly fingerprint: string;
}

/** @throws ImpulsError `too-large` for a challenge that cannot be echoed */
export function readyClaim(card: Card, protocol: ProtocolName, record: ClaimRecord): ReadyClaim {
  const { end, units, nonce, challenge, digest, seal } = record;
  const proof = card.source.proof(end);
  const claim: Claim = { card: fromBase64url(card.id, 16), protocol, end, units, nonce, proof };
  const { method, url: target, headers } = record;
  const request = { method, target, headers, digest, challengeId: challenge.id, seal };
  const tag = computeTag(card.keys.auth, request, claim);
  const key = derivePaymentKey(card.keys.pay, card.source.ikm(end), claim);
  return {
    tag: toBase64url(tag),
    authorization: formatCredential(challenge, { action: 'pay', ...claim, tag, digest, seal }),
    key,
    reference: toBase64url(deriveReference(key)),
    fingerprint: toHex(deriveFingerprint(key)),
  };
}

/** What an answer to a claim proves, and what its receipt says of the card. */
export interface Proof extends Pick<Answer, 'receipt' | 'state'> {
  readonly remaining?: number | undefined;
  readonly holder?: string | undefined;
}

/** Reads the receipt and the state of an answer. One that is malformed or whose MAC does not hold proves nothing. */
export function readProof(card: Card, claim: ReadyClaim, record: ClaimRecord, headers: Headers): Proof {
  const tag = fromBase64url(claim.tag, 16);
  const receipt = attempt(() => parseReceipt(headers.get('Payment-Receipt') ?? ''));
  if (
    receipt &&
    receipt.end === record.end &&
    receipt.units >= 1 &&
    receipt.units <= record.units &&
    equalBytes(receipt.reference, fromBase64url(claim.reference, 12)) &&
    verifyReceipt(claim.key, tag, receipt)
  ) {
    return { receipt, remaining: receipt.remaining };
  }
  const state = attempt(() => parseState(headers.get('Impuls-State') ?? ''));
  if (!state || !verifyState(card.keys.state, state, fromBase64url(card.id, 16), tag)) return {};
  const report: CardReport = state;
  return {
    state: { verdict: state.verdict, report },
    remaining: report.units - report.spent,
    holder: report.holder && toBase64url(report.holder),
  };
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}
