import { toBase64url } from '../core/base64url.js';
import { utf8 } from '../core/bytes.js';
import { ImpulsError, isImpulsError, malformed } from '../core/errors.js';
import { sha256 } from '../core/hash.js';
import { parseJson, type JsonObject } from '../core/wire/canonical-json.js';
import { expectBytes, expectObject, expectText } from '../core/wire/json-members.js';
import { formatCredit, readCredit, type CreditRecord } from './credit-record.js';
import { formatOrder, kindOf, readKind, readOrder, type CardRecord, type OrderRecord } from './records.js';

/**
 * A backup as text, secret:
 *
 *   impuls wallet backup 1
 *   card {"vendor":…,"document":…,"protocol":…,"key":…,"seed":…,"randomizer":…,"signature":…}
 *   order {…}                                    a redemption that is not finished
 *   credit {…}                                   units that go back to their vendor
 *   checksum <base64url of the first 12 bytes of the SHA-256 of all lines before, each with its line feed>
 *
 * White space around lines is ignored; empty lines are too.
 */

/** What brings a card back; what is left on it the vendor says. */
export interface BackupCard extends Omit<CardRecord, 'units' | 'expires'> {
  /** D of the key document that was pinned, base64url. */
  readonly document: string;
}

export interface Backup {
  readonly cards: readonly BackupCard[];
  readonly orders: readonly OrderRecord[];
  readonly credits: readonly CreditRecord[];
}

const firstLine = 'impuls wallet backup 1';
/** Characters of a backup: some ten thousand cards. */
const maxBackup = 16 << 20;

export function formatBackup({ cards, orders, credits }: Backup): string {
  const lines = [
    firstLine,
    ...cards.map((card) => `card ${JSON.stringify(cardToJson(card))}`),
    ...orders.map((order) => `order ${formatOrder(order)}`),
    ...credits.map((credit) => `credit ${formatCredit(credit)}`),
  ];
  return `${lines.join('\n')}\nchecksum ${checksum(lines)}\n`;
}

/** @throws ImpulsError `malformed`, `too-large`; `unsupported` for a later version */
export function parseBackup(text: string): Backup {
  if (text.length > maxBackup) throw new ImpulsError('too-large', 'a backup of more than 16 MiB');
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines[0] !== firstLine) {
    if (lines[0]?.startsWith('impuls wallet backup ')) {
      throw new ImpulsError('unsupported', 'the backup is of a later version', {
        hint: 'Restore it with the version of impuls that made it.',
      });
    }
    throw malformed('not a backup of an impuls wallet');
  }
  const content = lines.slice(0, -1);
  if (lines.length < 2 || lines.at(-1) !== `checksum ${checksum(content)}`) {
    throw new ImpulsError('malformed', 'the backup is cut off or altered', {
      hint: 'Compare it with the original; every character counts.',
    });
  }
  const cards: BackupCard[] = [];
  const orders: OrderRecord[] = [];
  const credits: CreditRecord[] = [];
  for (const line of content.slice(1)) {
    const [, kind, json] = /^(card|order|credit) (.*)$/.exec(line) ?? [];
    if (json === undefined) throw malformed('a line of the backup is of no known kind');
    try {
      const value = expectObject(parseJson(json), 'a line');
      if (kind === 'card') cards.push(cardFromJson(value));
      else if (kind === 'order') orders.push(readOrder(value));
      else credits.push(readCredit(value));
    } catch (error) {
      if (!isImpulsError(error)) throw error;
      throw malformed(`a line of the backup cannot be read: ${error.message}`);
    }
  }
  return { cards, orders, credits };
}

function checksum(lines: readonly string[]): string {
  return toBase64url(sha256(utf8(lines.map((line) => `${line}\n`).join(''))).subarray(0, 12));
}

function cardToJson(card: BackupCard): JsonObject {
  const { vendor, document, key, seed, randomizer, signature } = card;
  return {
    vendor,
    document,
    ...kindOf(card),
    key,
    seed: toBase64url(seed),
    randomizer: toBase64url(randomizer),
    signature: toBase64url(signature),
  };
}

function cardFromJson(json: JsonObject): BackupCard {
  return {
    vendor: expectText(json['vendor'], 'vendor'),
    document: toBase64url(expectBytes(json['document'], 32, 'document')),
    ...readKind(json),
    key: toBase64url(expectBytes(json['key'], 16, 'key')),
    seed: expectBytes(json['seed'], 32, 'seed'),
    randomizer: expectBytes(json['randomizer'], 32, 'randomizer'),
    signature: expectBytes(json['signature'], 384, 'signature'),
  };
}
