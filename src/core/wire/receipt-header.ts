import { toBase64url } from '../base64url.js';
import { malformed } from '../errors.js';
import type { ReceiptClaims } from '../receipt.js';
import { decodeText, encodeText } from './base64url-text.js';
import { parseJson } from './canonical-json.js';
import { methodName } from './credential.js';
import { expectBytes, expectObject, expectText, expectUint32 } from './json-members.js';
import { parseExpires } from './time.js';

/** What `Payment-Receipt` carries (docs/spec.md §7). */
export interface Receipt extends ReceiptClaims {
  /** The public name of the payment, 12 bytes. */
  readonly reference: Uint8Array;
  /** 16 bytes. */
  readonly mac: Uint8Array;
}

/** Characters of a `Payment-Receipt` value: ten times what one needs. */
const maxReceipt = 4096;

/** @returns base64url of JSON */
export function formatReceipt(receipt: Receipt): string {
  const { timestamp, reference, verdict, units, remaining, end, mac } = receipt;
  // No member needs an escape, and one is written for each payment.
  return encodeText(
    `{"status":"success","method":"${methodName}","timestamp":"${timestamp}","reference":"${toBase64url(reference)}",` +
      `"verdict":"${verdict}","units":${units},"remaining":${remaining},"end":${end},"mac":"${toBase64url(mac)}"}`,
  );
}

/**
 * Unknown members are ignored: the MAC does not cover them.
 *
 * @throws ImpulsError `malformed`, also for a receipt of another method
 */
export function parseReceipt(headerValue: string): Receipt {
  if (headerValue.length > maxReceipt) throw malformed('a receipt is too long');
  const json = expectObject(parseJson(decodeText(headerValue)), 'receipt');
  const verdict = json['verdict'];
  const timestamp = expectText(json['timestamp'], 'timestamp');
  parseExpires(timestamp);
  if (json['status'] !== 'success' || json['method'] !== methodName) {
    throw malformed(`not a receipt of method ${methodName}`);
  }
  if (verdict !== 'accepted' && verdict !== 'repeated') throw malformed('a receipt with an unknown verdict');
  return {
    timestamp,
    reference: expectBytes(json['reference'], 12, 'reference'),
    verdict,
    units: expectUint32(json['units'], 'units'),
    remaining: expectUint32(json['remaining'], 'remaining'),
    end: expectUint32(json['end'], 'end'),
    mac: expectBytes(json['mac'], 16, 'mac'),
  };
}
