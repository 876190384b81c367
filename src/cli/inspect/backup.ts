import { toBase64url } from '../../core/base64url.js';
import { parseBackup } from '../../client/backup.js';
import type { JsonObject, JsonValue } from '../../core/wire/canonical-json.js';
import { plural } from '../amounts.js';
import type { Finding } from './finding.js';

/** Members of a backup that spend a card, redeem a voucher, or link a card to its sale. */
const secrets = new Set(['seed', 'randomizer', 'signature', 'inverse', 'blinded', 'code']);

export const backupStart = 'impuls wallet backup ';

/** @throws ImpulsError `malformed`, `unsupported` */
export function describeBackup(text: string, mode: 'hide' | 'show'): Finding {
  const { cards, orders } = parseBackup(text);
  const vendors = [...new Set([...cards, ...orders].map(({ vendor }) => vendor))];
  const hidden = mode === 'hide' ? ' Secrets are hidden; --show-secrets shows them.' : '';
  return {
    kind: 'backup',
    summary: `${plural(cards.length, 'card')} and ${plural(orders.length, 'open redemption')} of ${vendors.join(', ')}; it is whole.${hidden}`,
    facts: {
      cards: cards.map((card) => toFacts(card, mode)),
      orders: orders.map((order) => toFacts(order, mode)),
    },
  };
}

function toFacts(record: object, mode: 'hide' | 'show'): JsonObject {
  return Object.fromEntries(
    Object.entries(record)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [
        name,
        mode === 'hide' && secrets.has(name) ? '(hidden)' : toFact(value, mode),
      ]),
  );
}

function toFact(value: unknown, mode: 'hide' | 'show'): JsonValue {
  if (value instanceof Uint8Array) return toBase64url(value);
  if (Array.isArray(value)) return value.map((item) => toFact(item, mode));
  return typeof value === 'object' && value !== null ? toFacts(value, mode) : (value as JsonValue);
}
