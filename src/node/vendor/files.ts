import { ed25519 } from '@noble/curves/ed25519.js';
import { toBase64url } from '../../core/base64url.js';
import { fromUtf8, utf8 } from '../../core/bytes.js';
import { envelopePublicKey } from '../../core/envelope.js';
import { ImpulsError } from '../../core/errors.js';
import {
  activationKeyId,
  formatKeyDocument,
  parseKeyDocument,
  type IssuingKey,
  type KeyDocument,
} from '../../core/key-document.js';
import { issuingKeys } from '../../core/key-life.js';
import { canonicalJson, parseJson, type JsonObject } from '../../core/wire/canonical-json.js';
import {
  expectArray,
  expectBytes,
  expectObject,
  expectText,
  expectUint32,
} from '../../core/wire/json-members.js';
import type { IssuingSigner, VendorKeys } from '../../server/index.js';
import { defaultRetention, type VendorSettings } from './settings.js';

/** The two files of a vendor folder that only programs write, as text: `document.json` and `keys.json`. */

/** What a vendor has published. */
export interface Published {
  readonly document: KeyDocument;
  /** The earlier documents, oldest first; times in Unix seconds. */
  readonly replaced: readonly { readonly digest: string; readonly time: number }[];
  /** The earlier activation keys, oldest first, and when they were replaced. */
  readonly retired: readonly { readonly id: string; readonly time: number }[];
  /** The issuing keys that the document has dropped, oldest first: the books go on to name them. */
  readonly ended: readonly EndedKey[];
}

export type EndedKey = Pick<IssuingKey, 'id' | 'denomination' | 'epoch' | 'expires'>;

/** The secrets of a vendor: all that the published document needs, and any that are not published yet or not destroyed yet. */
export interface VendorSecrets {
  /** PEM, one an issuing key. */
  readonly issuing: readonly string[];
  /** X25519, 32 bytes each. */
  readonly activation: readonly Uint8Array[];
  /** Ed25519, 32 bytes each. */
  readonly statement: readonly Uint8Array[];
  /** 32 bytes each. */
  readonly challenge: Uint8Array;
  readonly voucher: Uint8Array;
}

export const daySeconds = 24 * 3600;
/** How long an activation may name a document that was replaced, and its key (docs/spec.md §5). */
export const recentSeconds = 7 * daySeconds;

export function statementKeyOf(secret: Uint8Array): string {
  return toBase64url(ed25519.getPublicKey(secret));
}

export function activationKeyOf(secret: Uint8Array): KeyDocument['activation'] {
  const key = envelopePublicKey(secret);
  return { id: activationKeyId(key), key: toBase64url(key) };
}

export function createDocument(
  { origin, name, unit, retention, refunds }: VendorSettings,
  secrets: VendorSecrets,
  cards: readonly IssuingKey[],
): KeyDocument {
  const [activation] = secrets.activation as [Uint8Array];
  const [statement] = secrets.statement as [Uint8Array];
  return {
    version: 1,
    origin,
    name,
    unit,
    activation: activationKeyOf(activation),
    statement: { key: statementKeyOf(statement) },
    cards,
    endpoints: {
      activate: '/impuls/activate',
      credit: creditPath,
      issue: '/impuls/issue',
      meter: meterPath,
      order: '/impuls/order',
      state: '/impuls/state',
      statement: '/impuls/statement',
    },
    policy: {
      grace: 30 * daySeconds,
      ...refundPolicy(refunds),
      retention: retentionSeconds(retention),
    },
    previous: [],
  };
}

/**
 * The document that the settings ask for: the one that is out, or a new one that names it.
 *
 * @param now Unix seconds
 * @throws ImpulsError `malformed` where the settings contradict cards that were sold
 */
export function succeedDocument(published: Published, settings: VendorSettings, now: number): Published {
  const { document } = published;
  const { code, currency, value } = document.unit;
  const { unit } = settings;
  if (settings.origin !== document.origin) throw fixed('origin', document.origin);
  if (unit.code !== code || unit.currency !== currency || unit.value !== value) {
    throw fixed('unit', `one ${code} for ${value} ${currency}`);
  }
  const { grace, refund } = document.policy;
  const policy = {
    grace,
    ...refundPolicy(settings.refunds),
    retention: retentionSeconds(settings.retention),
  };
  // Documents of earlier versions had none.
  const endpoints = { credit: creditPath, meter: meterPath, ...document.endpoints };
  const isSame =
    settings.name === document.name &&
    policy.retention === document.policy.retention &&
    policy.refund === refund &&
    endpoints.credit === document.endpoints.credit &&
    endpoints.meter === document.endpoints.meter;
  return isSame ? published : publishChange(published, { name: settings.name, policy, endpoints }, now);
}

const creditPath = '/impuls/credit';
const meterPath = '/impuls/meter';

function refundPolicy(refunds: VendorSettings['refunds']): Pick<KeyDocument['policy'], 'refund'> {
  return refunds === 'reference' ? { refund: refunds } : {};
}

function retentionSeconds({ spendDays } = defaultRetention): number {
  return spendDays * daySeconds;
}

/** A new document in the place of the one that is out. @param now Unix seconds @throws ImpulsError `bad-document` */
export function publishChange(
  { document, replaced, retired, ended }: Published,
  change: Partial<Omit<KeyDocument, 'previous'>>,
  now: number,
): Published {
  const digest = toBase64url(parseKeyDocument(formatKeyDocument(document)).digest);
  const next = { ...document, ...change, previous: [...document.previous, digest] };
  const { id } = document.activation;
  const dropped = document.cards.filter((key) => !next.cards.some((other) => other.id === key.id));
  formatKeyDocument(next);
  return {
    document: next,
    replaced: [...replaced, { digest, time: now }],
    retired: next.activation.id === id ? retired : [...retired, { id, time: now }],
    ended: [
      ...ended,
      ...dropped.map(({ id, denomination, epoch, expires }) => ({ id, denomination, epoch, expires })),
    ],
  };
}

function fixed(what: string, sold: string): ImpulsError {
  return new ImpulsError('malformed', `${what} has changed, and cards were sold with ${sold}`, {
    hint: 'Put it back, or make a new vendor in another folder.',
  });
}

/**
 * @param issuing made of `secrets.issuing` by what the platform signs with
 * @param now Unix seconds
 * @throws ImpulsError `storage-corrupt` if they are not those of the document
 */
export function vendorKeysOf(
  issuing: readonly IssuingSigner[],
  secrets: VendorSecrets,
  published: Published,
  now: number,
): VendorKeys {
  const { document } = published;
  for (const { id } of issuingKeys(document, now)) {
    if (!issuing.some((signer) => signer.id === id)) {
      throw new ImpulsError('storage-corrupt', `the secret of the issuing key ${id} is missing`, {
        hint: `Put keys.json back from a backup, or run: impuls keys revoke ${id} --reason lost`,
      });
    }
  }
  const opening = [document.activation.id, ...recentlyRetired(published, now)];
  const activation = new Map(
    secrets.activation
      .map((secret) => [activationKeyOf(secret).id, secret] as const)
      .filter(([id]) => opening.includes(id)),
  );
  const statement = secrets.statement.find((secret) => statementKeyOf(secret) === document.statement.key);
  if (!statement || !activation.has(document.activation.id)) {
    throw new ImpulsError('storage-corrupt', 'these are not the keys of document.json');
  }
  const { challenge, voucher } = secrets;
  return { issuing, activation, statement, challenge, voucher };
}

export function recentlyRetired({ retired }: Published, now: number): string[] {
  return retired.filter(({ time }) => now - time < recentSeconds).map(({ id }) => id);
}

export function formatPublished({ document, replaced, retired, ended }: Published): string {
  const json: unknown = JSON.parse(fromUtf8(formatKeyDocument(document)));
  return `${JSON.stringify({ version: 1, replaced, retired, ended, document: json }, null, 2)}\n`;
}

/** @throws ImpulsError `malformed`, `unsupported`, `bad-document` */
export function parsePublished(text: string): Published {
  const json = readVersioned(text);
  return {
    document: parseKeyDocument(utf8(canonicalJson(expectObject(json['document'], 'document')))).document,
    replaced: expectArray(json['replaced'], 'replaced').map((item, i) => {
      const entry = expectObject(item, `replaced[${i}]`);
      return {
        digest: toBase64url(expectBytes(entry['digest'], 32, `replaced[${i}].digest`)),
        time: expectUint32(entry['time'], `replaced[${i}].time`),
      };
    }),
    // Not there before the first rotation could be.
    retired: expectArray(json['retired'] ?? [], 'retired').map((item, i) => {
      const entry = expectObject(item, `retired[${i}]`);
      return {
        id: toBase64url(expectBytes(entry['id'], 8, `retired[${i}].id`)),
        time: expectUint32(entry['time'], `retired[${i}].time`),
      };
    }),
    // Not there before there were books.
    ended: expectArray(json['ended'] ?? [], 'ended').map((item, i) => {
      const where = `ended[${i}]`;
      const entry = expectObject(item, where);
      return {
        id: toBase64url(expectBytes(entry['id'], 16, `${where}.id`)),
        denomination: expectUint32(entry['denomination'], `${where}.denomination`),
        epoch: expectText(entry['epoch'], `${where}.epoch`),
        expires: expectUint32(entry['expires'], `${where}.expires`),
      };
    }),
  };
}

/** Secret. */
export function formatSecrets({ issuing, activation, statement, challenge, voucher }: VendorSecrets): string {
  const json = {
    version: 1,
    issuing,
    activation: activation.map(toBase64url),
    statement: statement.map(toBase64url),
    challenge: toBase64url(challenge),
    voucher: toBase64url(voucher),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** @throws ImpulsError `malformed`, `unsupported` */
export function parseSecrets(text: string): VendorSecrets {
  const json = readVersioned(text);
  return {
    issuing: expectArray(json['issuing'], 'issuing').map((pem, i) => expectText(pem, `issuing[${i}]`)),
    activation: readSecrets(json, 'activation'),
    statement: readSecrets(json, 'statement'),
    challenge: expectBytes(json['challenge'], 32, 'challenge'),
    voucher: expectBytes(json['voucher'], 32, 'voucher'),
  };
}

/** One was written as text, before there could be two. */
function readSecrets(json: JsonObject, name: string): Uint8Array[] {
  const value = json[name];
  const list = typeof value === 'string' ? [value] : expectArray(value, name);
  return list.map((item, i) => expectBytes(item, 32, `${name}[${i}]`));
}

function readVersioned(text: string): JsonObject {
  const json = expectObject(parseJson(text), 'the file');
  if (json['version'] !== 1) throw new ImpulsError('unsupported', 'version is not 1');
  return json;
}
