import { ed25519 } from '@noble/curves/ed25519.js';
import { fromBase64url, toBase64url } from '../core/base64url.js';
import { equalBytes, fromUtf8, utf8 } from '../core/bytes.js';
import { envelopePublicKey } from '../core/envelope.js';
import { ImpulsError } from '../core/errors.js';
import {
  activationKeyId,
  formatKeyDocument,
  parseKeyDocument,
  type IssuingKey,
  type KeyDocument,
} from '../core/key-document.js';
import { issuingKeys } from '../core/key-life.js';
import { canonicalJson, parseJson, type JsonObject } from '../core/wire/canonical-json.js';
import {
  expectArray,
  expectBytes,
  expectObject,
  expectText,
  expectUint32,
} from '../core/wire/json-members.js';
import type { VendorKeys } from '../server/index.js';
import { createRsaSigner } from './rsa.js';
import type { VendorSettings } from './vendor-settings.js';

/** The two files of a vendor folder that only programs write, as text: `document.json` and `keys.json`. */

/** What a vendor has published. */
export interface Published {
  readonly document: KeyDocument;
  /** The earlier documents, oldest first; times in Unix seconds. */
  readonly replaced: readonly { readonly digest: string; readonly time: number }[];
}

/** The secrets of a vendor. */
export interface VendorSecrets {
  /** PEM, one an issuing key. */
  readonly issuing: readonly string[];
  /** X25519, 32 bytes. */
  readonly activation: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly statement: Uint8Array;
  /** 32 bytes each. */
  readonly challenge: Uint8Array;
  readonly voucher: Uint8Array;
}

export const daySeconds = 24 * 3600;

export function createDocument(
  { origin, name, unit }: VendorSettings,
  secrets: VendorSecrets,
  cards: readonly IssuingKey[],
): KeyDocument {
  const activation = envelopePublicKey(secrets.activation);
  return {
    version: 1,
    origin,
    name,
    unit,
    activation: { id: activationKeyId(activation), key: toBase64url(activation) },
    statement: { key: toBase64url(ed25519.getPublicKey(secrets.statement)) },
    cards,
    endpoints: {
      activate: '/impuls/activate',
      issue: '/impuls/issue',
      order: '/impuls/order',
      state: '/impuls/state',
      statement: '/impuls/statement',
    },
    policy: { grace: 30 * daySeconds, retention: 40 * daySeconds },
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
  if (settings.name === document.name) return published;
  const digest = toBase64url(parseKeyDocument(formatKeyDocument(document)).digest);
  return {
    document: { ...document, name: settings.name, previous: [...document.previous, digest] },
    replaced: [...published.replaced, { digest, time: now }],
  };
}

function fixed(what: string, sold: string): ImpulsError {
  return new ImpulsError('malformed', `${what} has changed, and cards were sold with ${sold}`, {
    hint: 'Put it back, or make a new vendor in another folder.',
  });
}

/** @param now Unix seconds @throws ImpulsError `storage-corrupt` if they are not those of the document, `bad-key` */
export function createVendorKeys(secrets: VendorSecrets, document: KeyDocument, now: number): VendorKeys {
  const issuing = secrets.issuing.map(createRsaSigner);
  for (const { id } of issuingKeys(document, now)) {
    if (!issuing.some((signer) => signer.id === id)) {
      throw new ImpulsError('storage-corrupt', `the secret of the issuing key ${id} is missing`, {
        hint: `Put keys.json back from a backup, or run: impuls keys revoke ${id} --reason lost`,
      });
    }
  }
  const { activation, statement, challenge, voucher } = secrets;
  const ours =
    equalBytes(envelopePublicKey(activation), fromBase64url(document.activation.key)) &&
    equalBytes(ed25519.getPublicKey(statement), fromBase64url(document.statement.key));
  if (!ours) throw new ImpulsError('storage-corrupt', 'these are not the keys of document.json');
  return {
    issuing,
    activation: new Map([[document.activation.id, activation]]),
    statement,
    challenge,
    voucher,
  };
}

export function formatPublished({ document, replaced }: Published): string {
  const json: unknown = JSON.parse(fromUtf8(formatKeyDocument(document)));
  return `${JSON.stringify({ version: 1, replaced, document: json }, null, 2)}\n`;
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
  };
}

/** Secret. */
export function formatSecrets({ issuing, activation, statement, challenge, voucher }: VendorSecrets): string {
  const json = {
    version: 1,
    issuing,
    activation: toBase64url(activation),
    statement: toBase64url(statement),
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
    activation: expectBytes(json['activation'], 32, 'activation'),
    statement: expectBytes(json['statement'], 32, 'statement'),
    challenge: expectBytes(json['challenge'], 32, 'challenge'),
    voucher: expectBytes(json['voucher'], 32, 'voucher'),
  };
}

function readVersioned(text: string): JsonObject {
  const json = expectObject(parseJson(text), 'the file');
  if (json['version'] !== 1) throw new ImpulsError('unsupported', 'version is not 1');
  return json;
}
