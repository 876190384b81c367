import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createMemoryStorage, openWallet, type KeyChecks, type Wallet } from '../client/index.js';
import { ImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { exists } from '../node/durable-file.js';
import { openFileStorage } from '../node/file-storage.js';
import type { Context } from './command.js';

/** Where the wallet is, and how the commands open it. */

export const walletOption = {
  wallet: { type: 'string', value: '<file>', help: 'The wallet file (see `impuls help files`)' },
} as const;

export const mirrorOption = {
  mirror: {
    type: 'string',
    value: '<url>',
    multiple: true,
    help: "Where others keep a copy of the vendor's keys; may be given several times",
  },
} as const;

type Place = Pick<Context, 'env'> & { readonly values: { readonly wallet?: string } };

export interface WalletOptions {
  readonly fetch?: typeof fetch;
  readonly keyChecks?: KeyChecks;
  readonly log?: (message: string) => void;
}

export function walletFile({ env, values }: Place): string {
  if (values.wallet) return resolve(values.wallet);
  if (env['IMPULS_HOME']) return resolve(env['IMPULS_HOME'], 'wallet');
  const data = env['XDG_DATA_HOME'] || env['LOCALAPPDATA'] || join(homedir(), '.local', 'share');
  return resolve(data, 'impuls', 'wallet');
}

/** Where bought keys are, beside the wallet. */
export function libraryFile(place: Place): string {
  return `${walletFile(place)}.keys`;
}

/** Opens the wallet, or makes it. */
export async function openOrMakeWallet(place: Place, options: WalletOptions = {}): Promise<Wallet> {
  const file = walletFile(place);
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new ImpulsError('storage-failed', `cannot make the folder ${dirname(file)}`, {
      cause,
      hint: 'Choose another place with --wallet or IMPULS_HOME.',
    });
  }
  return openWallet({ storage: await openFileStorage(file), ...options });
}

/** Opens the wallet if there is one; otherwise an empty one that leaves no file behind. */
export async function openWalletIfAny(place: Place, options: WalletOptions = {}): Promise<Wallet> {
  if (await exists(walletFile(place))) return openOrMakeWallet(place, options);
  return openWallet({ storage: createMemoryStorage(), ...options });
}

/** Opens a wallet, works with it and closes it whatever happens. */
export async function withWallet<T>(
  opening: Promise<Wallet>,
  work: (wallet: Wallet) => Promise<T>,
): Promise<T> {
  const wallet = await opening;
  try {
    return await work(wallet);
  } finally {
    await wallet.close();
  }
}

export function configFile(place: Place): string {
  return join(dirname(walletFile(place)), 'config.json');
}

/** The most units for one request that the wallet's settings allow; undefined if they do not say. */
export async function defaultMax(place: Place): Promise<number | undefined> {
  const { max } = await readConfig(place);
  if (max === undefined) return undefined;
  if (typeof max !== 'number' || !Number.isInteger(max) || max < 1 || max > limits.maxUint32) {
    throw wrongConfig(place, '"max" is not a whole number of units');
  }
  return max;
}

/** Where copies of a vendor's keys are: those of the command line, and those of the wallet's settings. */
export async function keyChecks(
  place: Place,
  vendor: string,
  given: readonly string[] = [],
): Promise<KeyChecks> {
  const { mirrors = {} } = await readConfig(place);
  const listed = Object(mirrors) as Readonly<Record<string, unknown>>;
  const urls = Object.hasOwn(listed, vendor) ? listed[vendor] : [];
  if (!Array.isArray(urls) || !urls.every((url) => typeof url === 'string')) {
    throw wrongConfig(place, `"mirrors" of ${vendor} are not a list of addresses`);
  }
  return { mirrors: { [vendor]: [...new Set([...given, ...urls])] } };
}

async function readConfig(place: Place): Promise<{ readonly max?: unknown; readonly mirrors?: unknown }> {
  const file = configFile(place);
  if (!(await exists(file))) return {};
  try {
    return Object(JSON.parse(await readFile(file, 'utf8'))) as object;
  } catch {
    throw wrongConfig(place, 'not JSON');
  }
}

function wrongConfig(place: Place, what: string): ImpulsError {
  return new ImpulsError('invalid-argument', `${configFile(place)}: ${what}`, {
    hint: 'Write it as {"max": 10, "mirrors": {"https://news.example": ["https://mirror.example/news.json"]}}.',
  });
}
