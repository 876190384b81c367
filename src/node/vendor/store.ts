import { readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fromUtf8 } from '../../core/bytes.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { exists, writeDurably } from '../durable-file.js';
import { lockFile } from '../file-lock.js';
import {
  formatPublished,
  formatSecrets,
  parsePublished,
  parseSecrets,
  succeedDocument,
  type Published,
  type VendorSecrets,
} from './files.js';
import { keptSecrets } from './secrets.js';
import { parseVendorSettings, type VendorSettings } from './settings.js';

/**
 * The files of a vendor folder, and the order in which they are written.
 *
 * At all times `keys.json` holds every secret that `document.json` needs. So a new secret is written before the document that
 * names it, and an old one destroyed after the document that no longer needs it. The document is what counts: whoever is killed
 * in between leaves a secret too many, which the next rotation takes, or the next opening destroys.
 */
export const vendorFiles = {
  settings: 'vendor.json',
  document: 'document.json',
  keys: 'keys.json',
  ledger: 'ledger.db',
  content: 'content.db',
  sales: 'sales.json',
  saleRecords: 'sales.db',
} as const;

/** What `vendor.json` is called in the folder of a vendor that was retired: whose last backup goes on elsewhere. */
export const retiredFile = 'vendor.json.retired';

/** Puts a file in place, whole; on the disk when it resolves. @param mode permission bits */
export type WriteFile = (path: string, text: string, mode: number) => Promise<void>;

export interface StoreOptions {
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /** Default: files of the platform. */
  readonly write?: WriteFile;
}

/** What stands in the three files. */
export interface VendorState {
  readonly settings: VendorSettings;
  readonly published: Published;
  readonly secrets: VendorSecrets;
}

/** What stands in the files that are written by programs, and what is due by the clock and by `vendor.json`. */
export interface VendorStore {
  /** Absolute. */
  readonly folder: string;
  /** Unix seconds. */
  readonly now: number;
  readonly state: VendorState;
  /** Each is written if it has changed: first what is published needs, then what is published. */
  readonly save: (change: Partial<Pick<VendorState, 'published' | 'secrets'>>) => Promise<VendorState>;
}

/** Reads the files and does what is due. @throws ImpulsError as `openVendorFolder` */
export async function readVendor(folder: string, options: StoreOptions = {}): Promise<VendorState> {
  const now = Math.floor((options.clock ?? Date.now)() / 1000);
  const state = await readState(folder);
  const published = await succeed(folder, state, now);
  if (published === state.published && keptSecrets(state.secrets, published, now) === state.secrets)
    return state;
  return changeVendor(folder, options, async (store) => store.state);
}

/**
 * Does what is due, and then some work, as the only one that writes.
 *
 * @throws ImpulsError `storage-locked`, and as `openVendorFolder`
 */
export async function changeVendor<T>(
  folder: string,
  { clock = Date.now, write = writeDurably }: StoreOptions,
  work: (store: VendorStore) => Promise<T>,
): Promise<T> {
  const now = Math.floor(clock() / 1000);
  const lock = await storing(folder, () => lockFile(join(folder, vendorFiles.keys)));
  try {
    await removeDrafts(folder);
    let state = await readState(folder);
    const save: VendorStore['save'] = async (change) => {
      const next = { ...state, ...change };
      await storing(folder, async () => {
        if (next.secrets !== state.secrets) {
          await write(join(folder, vendorFiles.keys), formatSecrets(next.secrets), 0o600);
        }
        if (next.published !== state.published) {
          await write(join(folder, vendorFiles.document), formatPublished(next.published), 0o644);
        }
      });
      return (state = next);
    };
    const published = await succeed(folder, state, now);
    await save({ published });
    await save({ secrets: keptSecrets(state.secrets, published, now) });
    return await work({ folder, now, state, save });
  } finally {
    await lock.release();
  }
}

/** The document that `vendor.json` asks for. */
function succeed(folder: string, { published, settings }: VendorState, now: number): Promise<Published> {
  const file = join(folder, vendorFiles.settings);
  return explaining(async () => succeedDocument(published, settings, now), edited(file));
}

async function readState(folder: string): Promise<VendorState> {
  const file = (name: keyof typeof vendorFiles): string => join(folder, vendorFiles[name]);
  if (!(await exists(file('settings')))) {
    if (await exists(join(folder, retiredFile))) {
      throw new ImpulsError('invalid-argument', `the vendor in ${folder} was retired`, {
        hint: 'It goes on where its final backup is restored: impuls vendor restore <backup> <folder>.',
      });
    }
    throw new ImpulsError('invalid-argument', `there is no vendor in ${folder}`, {
      hint: 'Make one with `impuls vendor init`, or name the folder that holds vendor.json.',
    });
  }
  await refuseOpenSecrets(file('keys'));
  const settings = await readText(file('settings'));
  for (;;) {
    const document = await readText(file('document'));
    const keys = await readText(file('keys'));
    // Another process may write meanwhile: the secrets are those of the document that was there before and after.
    if ((await readText(file('document'))) !== document) continue;
    return {
      settings: await explaining(async () => parseVendorSettings(settings), edited(file('settings'))),
      published: await explaining(async () => parsePublished(document), written(file('document'))),
      secrets: await explaining(async () => parseSecrets(keys), written(file('keys'))),
    };
  }
}

/** Who was killed while it wrote left a draft, perhaps of secrets. */
async function removeDrafts(folder: string): Promise<void> {
  const draft = /^(?:keys|document|sales)\.json\.\d+\.new$/;
  for (const name of await readdir(folder)) {
    if (draft.test(name)) await rm(join(folder, name), { force: true });
  }
}

export async function refuseOpenSecrets(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found && process.platform !== 'win32' && (found.mode & 0o077) !== 0) {
    throw new ImpulsError('storage-failed', `${file} holds secrets, and others can read it`, {
      hint: `Run: chmod 600 ${file}`,
    });
  }
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new ImpulsError('storage-corrupt', `${file} cannot be read`, {
      cause,
      hint: 'Put the file back from a backup of this folder.',
    });
  });
  return explaining(async () => fromUtf8(bytes), written(file));
}

type Explain = (error: ImpulsError) => ImpulsError;

function edited(file: string): Explain {
  return (error) => {
    const { code, message, hint = `Edit ${file}.` } = error;
    return new ImpulsError(code, `${file}: ${message}`, { cause: error, hint });
  };
}

/** What only programs write: whatever is wrong with it, it is not to be worked with. */
export function written(file: string): Explain {
  return (error) => {
    const { message, hint = 'Put the file back from a backup of this folder; nothing was changed.' } = error;
    return new ImpulsError('storage-corrupt', `${file}: ${message}`, { cause: error, hint });
  };
}

export async function explaining<T>(act: () => Promise<T>, explain: Explain): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw isImpulsError(error) ? explain(error) : error;
  }
}

export async function storing<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    if (isImpulsError(cause)) throw cause;
    throw new ImpulsError('storage-failed', `cannot write to ${folder}: ${(cause as Error).message}`, {
      cause,
      hint: 'Check that the disk has room and that the folder is yours.',
    });
  }
}
