import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { toBase64url } from '../core/base64url.js';
import { fromUtf8 } from '../core/bytes.js';
import { generateEnvelopeKey } from '../core/envelope.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { issuingKeyId, type IssuingKey, type KeyDocument } from '../core/key-document.js';
import { limits } from '../core/limits.js';
import type { VendorKeys } from '../server/index.js';
import { exists, writeDurably } from './durable-file.js';
import { generateIssuingKey } from './rsa.js';
import {
  createDocument,
  createVendorKeys,
  daySeconds,
  formatPublished,
  formatSecrets,
  parsePublished,
  parseSecrets,
  succeedDocument,
  type VendorSecrets,
} from './vendor-files.js';
import { formatVendorSettings, parseVendorSettings, type VendorSettings } from './vendor-settings.js';

/**
 * A vendor in a folder.
 *
 *   vendor.json     what people decide and edit
 *   document.json   the key document that is published, and those before it; written by programs only
 *   keys.json       the secrets, for the owner only; written once
 *   ledger.db       cards, claims, orders; the ledger's
 *   content.db      content keys for sale; made when the first is packed
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
  readonly ledgerPath: string;
  /** Of the content keys; it may not be there. */
  readonly registryPath: string;
}

export interface NewVendor extends VendorSettings {
  /** Units of the cards to be sold: at most 16, from 1 to 2^20 each. */
  readonly denominations: readonly number[];
}

export interface VendorFolderOptions {
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

export interface InitVendorOptions extends VendorFolderOptions {
  /** Default: that of the platform. Issuing keys draw from the platform always. */
  readonly random?: (length: number) => Uint8Array;
  /** Told after each issuing key; one takes about a second. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How long an issuing key issues, and how long its cards live after that. */
const issuingDays = 365;
const validityDays = 5 * 365;
/** How long an activation may name a document that was replaced (docs/spec.md §5). */
const recentSeconds = 7 * daySeconds;
const maxDenominations = 16;

const files = {
  settings: 'vendor.json',
  document: 'document.json',
  keys: 'keys.json',
  ledger: 'ledger.db',
  content: 'content.db',
} as const;

/**
 * Makes the keys and the files of a new vendor. Other files in the folder are left alone.
 *
 * @throws ImpulsError `invalid-argument` if a vendor is there already, `malformed` or `bad-document` for settings that do
 *   not hold, `storage-failed`
 */
export async function initVendorFolder(
  path: string,
  { denominations, ...settings }: NewVendor,
  options: InitVendorOptions = {},
): Promise<void> {
  const { clock = Date.now, random = (length: number) => new Uint8Array(randomBytes(length)) } = options;
  const folder = resolve(path);
  checkDenominations(denominations);
  parseVendorSettings(formatVendorSettings(settings));
  await refuseOccupied(folder);

  const { secretKey } = await generateEnvelopeKey(random);
  const pems: string[] = [];
  const secrets: VendorSecrets = {
    issuing: pems,
    activation: secretKey,
    statement: random(32),
    challenge: random(32),
    voucher: random(32),
  };
  // Tells of settings that no wallet would take before it spends seconds on keys.
  formatPublished({ document: createDocument(settings, secrets, []), replaced: [] });
  const cards: IssuingKey[] = [];
  for (const denomination of [...denominations].sort((a, b) => a - b)) {
    const { pem, n } = generateIssuingKey();
    pems.push(pem);
    cards.push({ id: issuingKeyId(n), n: toBase64url(n), denomination, ...lifeOfKey(clock()) });
    options.onProgress?.(cards.length, denominations.length);
  }
  const published = formatPublished({ document: createDocument(settings, secrets, cards), replaced: [] });
  await storing(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeDurably(join(folder, files.keys), formatSecrets(secrets), 0o600);
    await writeDurably(join(folder, files.document), published, 0o644);
    // Last: a folder without it holds no vendor.
    await writeDurably(join(folder, files.settings), formatVendorSettings(settings), 0o644);
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
  const file = (name: keyof typeof files): string => join(folder, files[name]);
  if (!(await exists(file('settings')))) {
    throw new ImpulsError('invalid-argument', `there is no vendor in ${folder}`, {
      hint: 'Make one with `impuls vendor init`, or name the folder that holds vendor.json.',
    });
  }
  await refuseOpenSecrets(file('keys'));
  const settings = await readEdited(file('settings'), parseVendorSettings);
  const published = await readOwn(file('document'), parsePublished);
  const secrets = await readOwn(file('keys'), parseSecrets);
  const current = await readEdited(file('settings'), () => succeedDocument(published, settings, now));
  const keys = await readOwn(file('keys'), () => createVendorKeys(secrets, current.document, now));
  if (current !== published) {
    await storing(folder, () => writeDurably(file('document'), formatPublished(current), 0o644));
  }
  return {
    path: folder,
    settings,
    document: current.document,
    keys,
    recentDocuments: current.replaced
      .filter(({ time }) => now - time < recentSeconds)
      .map(({ digest }) => digest),
    ledgerPath: file('ledger'),
    registryPath: file('content'),
  };
}

function checkDenominations(denominations: readonly number[]): void {
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

/** @param clock Unix milliseconds */
function lifeOfKey(clock: number): Pick<IssuingKey, 'epoch' | 'notBefore' | 'notAfter' | 'expires'> {
  // From the start of the day: the second at which a key was made says more than is needed.
  const notBefore = Math.floor(clock / 1000 / daySeconds) * daySeconds;
  const notAfter = notBefore + issuingDays * daySeconds;
  const epoch = new Date(clock).toISOString().slice(0, 7);
  return { epoch, notBefore, notAfter, expires: notAfter + validityDays * daySeconds };
}

async function refuseOccupied(folder: string): Promise<void> {
  for (const name of Object.values(files)) {
    if (!(await exists(join(folder, name)))) continue;
    throw new ImpulsError('invalid-argument', `${folder} holds a vendor already: ${name} is there`, {
      hint: 'Choose another folder; a vendor that is made anew cannot take back the cards of the old one.',
    });
  }
}

async function refuseOpenSecrets(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found && process.platform !== 'win32' && (found.mode & 0o077) !== 0) {
    throw new ImpulsError('storage-failed', `${file} holds secrets, and others can read it`, {
      hint: `Run: chmod 600 ${file}`,
    });
  }
}

async function readEdited<T>(file: string, parse: (text: string) => T): Promise<T> {
  return reading(file, parse, (error) => {
    const { code, message, hint = `Edit ${file}.` } = error;
    return new ImpulsError(code, `${file}: ${message}`, { cause: error, hint });
  });
}

/** Reads what only programs write: whatever is wrong with it, it is not to be worked with. */
async function readOwn<T>(file: string, parse: (text: string) => T): Promise<T> {
  return reading(
    file,
    parse,
    (error) =>
      new ImpulsError('storage-corrupt', `${file}: ${error.message}`, {
        cause: error,
        hint: 'Put the file back from a backup of this folder; nothing was changed.',
      }),
  );
}

async function reading<T>(
  file: string,
  parse: (text: string) => T,
  explain: (error: ImpulsError) => ImpulsError,
): Promise<T> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new ImpulsError('storage-corrupt', `${file} cannot be read`, {
      cause,
      hint: 'Put the file back from a backup of this folder.',
    });
  });
  try {
    return parse(fromUtf8(bytes));
  } catch (error) {
    throw isImpulsError(error) ? explain(error) : error;
  }
}

async function storing(folder: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    throw new ImpulsError('storage-failed', `cannot write to ${folder}: ${(cause as Error).message}`, {
      cause,
      hint: 'Check that the disk has room and that the folder is yours.',
    });
  }
}
