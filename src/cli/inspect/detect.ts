import { utf8 } from '../../core/bytes.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { parseEvidence, parseStatement, verifyEvidence, verifySignedStatement } from '../../core/evidence.js';
import { parseKeyDocument, type ReceivedDocument } from '../../core/key-document.js';
import { formatVoucherCode, parseVoucherCode } from '../../core/voucher-code.js';
import { decodeText, encodeText } from '../../core/wire/base64url-text.js';
import { canonicalJson, parseJson, type JsonObject, type JsonValue } from '../../core/wire/canonical-json.js';
import { parseChallenges } from '../../core/wire/challenge.js';
import { parseCredential } from '../../core/wire/credential.js';
import { expectObject } from '../../core/wire/json-members.js';
import { parseProblem } from '../../core/wire/problem.js';
import { parseReceipt } from '../../core/wire/receipt-header.js';
import { parseState, stateFromJson } from '../../core/wire/state-header.js';
import { backupStart, describeBackup } from './backup.js';
import {
  describeChallenge,
  describeCredential,
  describeDocument,
  describeEvidence,
  describeProblem,
  describeReceipt,
  describeState,
  describeStatement,
} from './describe.js';
import type { Finding } from './finding.js';

/** Finds out what a text is, and decodes it. */

export interface DetectOptions {
  /** What to do with seeds, codes and other secrets. */
  readonly secrets: 'hide' | 'show';
  /** With which statements are checked; default: the one that comes with them, if any. */
  readonly document?: ReceivedDocument | undefined;
}

const header =
  /^[<>*\s]*(authorization|www-authenticate|payment-receipt|impuls-state)[ \t]*:[ \t]*(\S.*?)\s*$/gim;

/** @throws ImpulsError `malformed` for what is none of ours, or is damaged */
export function detect(input: string, options: DetectOptions): Finding[] {
  const text = input.trim();
  if (text.startsWith(backupStart)) return [describeBackup(text, options.secrets)];
  const headers = [...text.matchAll(header)];
  if (headers.length > 0)
    return headers.flatMap(([, name, value]) => readHeader(name!.toLowerCase(), value!));
  if (/^payment\s/i.test(text))
    return readHeader(/\bid\s*=/i.test(text) ? 'www-authenticate' : 'authorization', text);
  if (text.startsWith('{')) return [readJson(parseJson(text), options)];
  if (/^[0-9A-Za-z\s-]{20,40}$/.test(text) || /^https?:\S*#/.test(text)) {
    const code = voucherOf(text);
    if (code) return [code];
  }
  if (/^[0-9A-Za-z_-]{24,}$/.test(text)) {
    try {
      return [readJson(parseJson(decodeText(text)), options)];
    } catch (error) {
      if (!isImpulsError(error)) throw error;
    }
  }
  throw new ImpulsError('malformed', 'that is nothing that impuls knows', {
    hint: 'Give a header, a credential, a receipt, a state, a key document, a backup or a voucher code, whole.',
  });
}

function readHeader(name: string, value: string): Finding[] {
  switch (name) {
    case 'www-authenticate':
      return parseChallenges(value).map(describeChallenge);
    case 'authorization': {
      const credential = parseCredential(value);
      return credential ? [describeCredential(credential)] : [];
    }
    case 'payment-receipt':
      return [describeReceipt(parseReceipt(value))];
    default:
      return [describeState(parseState(value))];
  }
}

function readJson(value: JsonValue, options: DetectOptions): Finding {
  const json = expectObject(value, 'the JSON');
  const has = (...names: string[]): boolean => names.every((name) => json[name] !== undefined);
  if (has('cards', 'activation', 'endpoints'))
    return describeDocument(parseKeyDocument(utf8(canonicalJson(json))));
  // The file in which a vendor keeps it.
  if (has('document', 'replaced')) return readJson(json['document']!, options);
  if (has('challenge', 'payload')) {
    const credential = parseCredential(`Payment ${encodeText(JSON.stringify(json))}`);
    if (credential) return describeCredential(credential);
  }
  if (has('id', 'realm', 'intent', 'request')) return describeChallenge(challengeOf(json));
  if (has('statement', 'signature')) return readStatement(json, options);
  if (has('evidence')) return readEvidence(json);
  if (has('card', 'state')) return readJson(json['state']!, options);
  if (has('verdict', 'gaps', 'mac')) return describeState(stateFromJson(json));
  if (has('status', 'reference', 'mac'))
    return describeReceipt(parseReceipt(encodeText(JSON.stringify(json))));
  if (has('type') && (has('title') || has('status')))
    return describeProblem(parseProblem(JSON.stringify(json)));
  throw new ImpulsError('malformed', 'that JSON is nothing that impuls knows', {
    hint: 'Give it whole, as it came over the wire.',
  });
}

/** @throws ImpulsError `bad-signature` if it is not the vendor's */
function readStatement(json: JsonObject, options: DetectOptions): Finding {
  const statement = parseStatement(json);
  const own = json['document'];
  const by = options.document ?? (own === undefined ? undefined : parseKeyDocument(utf8(canonicalJson(own))));
  if (by && !verifySignedStatement(by.document, statement)) {
    throw new ImpulsError('bad-signature', `${by.document.origin} has not signed that statement`, {
      hint: 'Compare it with the original, and give the key document of its vendor and time: --document keys.json.',
    });
  }
  return describeStatement(json, statement, by);
}

/** @throws ImpulsError `bad-signature` if it does not hold */
function readEvidence(json: JsonObject): Finding {
  const evidence = parseEvidence(json);
  if (verifyEvidence(evidence)) return describeEvidence(evidence);
  throw new ImpulsError('bad-signature', 'that evidence does not hold', {
    hint: 'It is damaged, or made up: the link does not lead to the anchor of that card.',
  });
}

function challengeOf(json: JsonObject) {
  const quoted = Object.entries(json)
    .filter((member): member is [string, string] => typeof member[1] === 'string')
    .map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`);
  return parseChallenges(`Payment ${quoted.join(', ')}`)[0]!;
}

/** @returns undefined for what only looks like a code @throws ImpulsError `malformed` for one that is mistyped */
function voucherOf(text: string): Finding | undefined {
  try {
    const code = parseVoucherCode(text);
    return {
      kind: 'voucher code',
      summary: 'Well written: the check characters hold. Only its vendor can say whether it is good.',
      facts: { code: formatVoucherCode(code) },
    };
  } catch (error) {
    if (isImpulsError(error, 'malformed') && /mistyped/.test(error.message)) throw error;
    return undefined;
  }
}
