import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createMemoryStorage, openWallet, type KeyChecks, type Wallet } from '../client/index.js';
import { ImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { exists } from '../node/durable-file.js';
import { openFileStorage } from '../node/file-storage.js';
import { readConfig, walletFile, wrongConfig, type Place } from './wallet-config.js';
import { openNetwork, type Network, type NetworkPlace } from './wallet-network.js';

export { configFile, walletFile } from './wallet-config.js';
export { delayOption, networkOption, openNetwork } from './wallet-network.js';

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

export interface WalletOptions {
  /** Default: as the command line and the settings say. */
  readonly network?: Network;
  readonly keyChecks?: KeyChecks;
  readonly log?: (message: string) => void;
}

/** Where bought keys are, beside the wallet. */
export function libraryFile(place: Place): string {
  return `${walletFile(place)}.keys`;
}

/** Opens the wallet, or makes it. */
export async function openOrMakeWallet(
  place: NetworkPlace,
  { network, ...options }: WalletOptions = {},
): Promise<Wallet> {
  const file = walletFile(place);
  const { wallet } = network ?? (await openNetwork(place));
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new ImpulsError('storage-failed', `cannot make the folder ${dirname(file)}`, {
      cause,
      hint: 'Choose another place with --wallet or IMPULS_HOME.',
    });
  }
  return openWallet({ storage: await openFileStorage(file), ...wallet, ...options });
}

/** Opens the wallet if there is one; otherwise an empty one that leaves no file behind. */
export async function openWalletIfAny(place: NetworkPlace, options: WalletOptions = {}): Promise<Wallet> {
  if (await exists(walletFile(place))) return openOrMakeWallet(place, options);
  const { network, ...more } = options;
  const { wallet } = network ?? (await openNetwork(place));
  return openWallet({ storage: createMemoryStorage(), ...wallet, ...more });
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
