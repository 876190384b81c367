import { utf8 } from '../../core/bytes.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { parseKeyDocument } from '../../core/key-document.js';
import { formatVoucherCode, parseVoucherCode } from '../../core/voucher-code.js';
import { decodeText, encodeText } from '../../core/wire/base64url-text.js';
import { canonicalJson, parseJson, type JsonObject, type JsonValue } from '../../core/wire/canonical-json.js';
import { parseChallenges } from '../../core/wire/challenge.js';
import { parseCredential } from '../../core/wire/credential.js';
import { expectObject } from '../../core/wire/json-members.js';
import { parseProblem } from '../../core/wire/problem.js';
import { parseReceipt } from '../../core/wire/receipt-header.js';
import { parseState, reportFromJson, stateFromJson } from '../../core/wire/state-header.js';
import { backupStart, describeBackup } from './backup.js';
import {
  describeChallenge,
  describeCredential,
  describeDocument,
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
  if (text.startsWith('{')) return [readJson(parseJson(text))];
  if (/^[0-9A-Za-z\s-]{20,40}$/.test(text) || /^https?:\S*#/.test(text)) {
    const code = voucherOf(text);
    if (code) return [code];
  }
  if (/^[0-9A-Za-z_-]{24,}$/.test(text)) {
    try {
      return [readJson(parseJson(decodeText(text)))];
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

function readJson(value: JsonValue): Finding {
  const json = expectObject(value, 'the JSON');
  const has = (...names: string[]): boolean => names.every((name) => json[name] !== undefined);
  if (has('cards', 'activation', 'endpoints'))
    return describeDocument(parseKeyDocument(utf8(canonicalJson(json))));
  // The file in which a vendor keeps it.
  if (has('document', 'replaced')) return readJson(json['document']!);
  if (has('challenge', 'payload')) {
    const credential = parseCredential(`Payment ${encodeText(JSON.stringify(json))}`);
    if (credential) return describeCredential(credential);
  }
  if (has('id', 'realm', 'intent', 'request')) return describeChallenge(challengeOf(json));
  if (has('statement', 'signature')) {
    return describeStatement(json, reportFromJson(expectObject(json['statement'], 'statement')['state']!));
  }
  if (has('card', 'state')) return readJson(json['state']!);
  if (has('verdict', 'gaps', 'mac')) return describeState(stateFromJson(json));
  if (has('status', 'reference', 'mac'))
    return describeReceipt(parseReceipt(encodeText(JSON.stringify(json))));
  if (has('type') && (has('title') || has('status')))
    return describeProblem(parseProblem(JSON.stringify(json)));
  throw new ImpulsError('malformed', 'that JSON is nothing that impuls knows', {
    hint: 'Give it whole, as it came over the wire.',
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
