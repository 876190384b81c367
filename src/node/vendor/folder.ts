import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { toBase64url } from '../../core/base64url.js';
import { generateEnvelopeKey } from '../../core/envelope.js';
import { ImpulsError } from '../../core/errors.js';
import { issuingKeyId, type IssuingKey, type KeyDocument } from '../../core/key-document.js';
import { limits } from '../../core/limits.js';
import type { VendorKeys } from '../../server/index.js';
import { exists, writeDurably } from '../durable-file.js';
import { generateIssuingKey } from '../rsa.js';
import {
  createDocument,
  daySeconds,
  formatPublished,
  formatSecrets,
  recentSeconds,
  type Published,
  type VendorSecrets,
} from './files.js';
import { createVendorKeys } from './secrets.js';
import {
  formatVendorSettings,
  parseVendorSettings,
  type VendorMode,
  type VendorSettings,
} from './settings.js';
import { explaining, readVendor, storing, vendorFiles, written, type StoreOptions } from './store.js';

/**
 * A vendor in a folder.
 *
 *   vendor.json     what people decide and edit
 *   document.json   the key document that is published, and those before it; written by programs only
 *   keys.json       the secrets, for the owner only; written when keys are made, rotated or destroyed
 *   ledger.db       cards, claims, orders; the ledger's
 *   content.db      content keys for sale; made when the first is packed
 *   sales.json      how others sell for this vendor, with secrets; made when the first way to sell is set up
 *   sales.db        which payment is for which order, as hashes; made when Stripe is set up
 *
 * Where the first two differ `vendor.json` wins, and a new document is published. The origin and the unit never change:
 * cards were sold in them.
 */
export interface VendorFolder {
  /** Absolute. */
  readonly path: string;
  readonly settings: VendorSettings;
  readonly document: KeyDocument;
  readonly keys: VendorKeys;
  /** Digests of the documents that were replaced in the last 7 days. */
  readonly recentDocuments: readonly string[];
  /** The activation keys that were replaced, oldest first; times in Unix seconds. */
  readonly retired: Published['retired'];
  /** The issuing keys that the document has dropped. */
  readonly ended: Published['ended'];
  readonly ledgerPath: string;
  /** Of the content keys; it may not be there. */
  readonly registryPath: string;
}

export interface NewVendor extends Omit<VendorSettings, 'mode'> {
  /** Default `live`. */
  readonly mode?: VendorMode;
  /** Units of the cards to be sold: at most 16, from 1 to 2^20 each. */
  readonly denominations: readonly number[];
}

/** When, and how files are written. */
export type VendorFolderOptions = StoreOptions;

export interface InitVendorOptions extends VendorFolderOptions {
  /** Default: that of the platform. Issuing keys draw from the platform always. */
  readonly random?: (length: number) => Uint8Array;
  /** Told after each issuing key; one takes about a second. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How long an issuing key issues, and how long its cards live after that. */
const issuingDays = 365;
const validityDays = 5 * 365;
export const maxDenominations = 16;

/**
 * Makes the keys and the files of a new vendor. Other files in the folder are left alone.
 *
 * @throws ImpulsError `invalid-argument` if a vendor is there already, `malformed` or `bad-document` for settings that do
 *   not hold, `storage-failed`
 */
export async function initVendorFolder(
  path: string,
  { denominations, mode = 'live', ...others }: NewVendor,
  options: InitVendorOptions = {},
): Promise<void> {
  const { clock = Date.now, random = platformRandom, write = writeDurably } = options;
  const folder = resolve(path);
  const settings: VendorSettings = { ...others, mode };
  checkDenominations(denominations);
  parseVendorSettings(formatVendorSettings(settings));
  await refuseOccupied(folder);

  const { secretKey } = await generateEnvelopeKey(random);
  const pems: string[] = [];
  const secrets: VendorSecrets = {
    issuing: pems,
    activation: [secretKey],
    statement: [random(32)],
    challenge: random(32),
    voucher: random(32),
  };
  // Tells of settings that no wallet would take before it spends seconds on keys.
  formatPublished({ document: createDocument(settings, secrets, []), replaced: [], retired: [], ended: [] });
  const cards: IssuingKey[] = [];
  for (const denomination of [...denominations].sort((a, b) => a - b)) {
    const { pem, n } = generateIssuingKey();
    pems.push(pem);
    cards.push({
      id: issuingKeyId(n),
      n: toBase64url(n),
      denomination,
      ...lifeOfKey(startOfDay(clock() / 1000)),
    });
    options.onProgress?.(cards.length, denominations.length);
  }
  const published = formatPublished({
    document: createDocument(settings, secrets, cards),
    replaced: [],
    retired: [],
    ended: [],
  });
  await storing(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await write(join(folder, vendorFiles.keys), formatSecrets(secrets), 0o600);
    await write(join(folder, vendorFiles.document), published, 0o644);
    // Last: a folder without it holds no vendor.
    await write(join(folder, vendorFiles.settings), formatVendorSettings(settings), 0o644);
  });
}

/**
 * Reads and checks the whole folder but for the ledger, and publishes a new key document if `vendor.json` asks for one.
 *
 * @throws ImpulsError `invalid-argument` for a folder without a vendor, `malformed` for a mistake in `vendor.json`,
 *   `storage-corrupt` for what is wrong in the other files, `storage-failed` for secrets that others can read
 */
export async function openVendorFolder(
  path: string,
  options: VendorFolderOptions = {},
): Promise<VendorFolder> {
  const now = Math.floor((options.clock ?? Date.now)() / 1000);
  const folder = resolve(path);
  const { settings, published, secrets } = await readVendor(folder, options);
  const keys = await explaining(
    async () => createVendorKeys(secrets, published, now),
    written(join(folder, vendorFiles.keys)),
  );
  return {
    path: folder,
    settings,
    document: published.document,
    keys,
    recentDocuments: published.replaced
      .filter(({ time }) => now - time < recentSeconds)
      .map(({ digest }) => digest),
    retired: published.retired,
    ended: published.ended,
    ledgerPath: join(folder, vendorFiles.ledger),
    registryPath: join(folder, vendorFiles.content),
  };
}

/** @throws ImpulsError `invalid-argument` */
export function checkDenominations(denominations: readonly number[]): void {
  const fits = (units: number) => Number.isInteger(units) && units >= 1 && units <= limits.chainUnits;
  const { length } = denominations;
  if (
    length === 0 ||
    length > maxDenominations ||
    !denominations.every(fits) ||
    new Set(denominations).size < length
  ) {
    throw new ImpulsError(
      'invalid-argument',
      `denominations are 1 to ${maxDenominations} different whole numbers from 1 to ${limits.chainUnits}`,
    );
  }
}

/** The second at which a key was made says more than is needed. */
export function startOfDay(seconds: number): number {
  return Math.floor(seconds / daySeconds) * daySeconds;
}

/** @param notBefore Unix seconds */
export function lifeOfKey(
  notBefore: number,
): Pick<IssuingKey, 'epoch' | 'notBefore' | 'notAfter' | 'expires'> {
  const notAfter = notBefore + issuingDays * daySeconds;
  const epoch = new Date(notBefore * 1000).toISOString().slice(0, 7);
  return { epoch, notBefore, notAfter, expires: notAfter + validityDays * daySeconds };
}

export function platformRandom(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

async function refuseOccupied(folder: string): Promise<void> {
  for (const name of Object.values(vendorFiles)) {
    if (!(await exists(join(folder, name)))) continue;
    throw new ImpulsError('invalid-argument', `${folder} holds a vendor already: ${name} is there`, {
      hint: 'Choose another folder; a vendor that is made anew cannot take back the cards of the old one.',
    });
  }
}
