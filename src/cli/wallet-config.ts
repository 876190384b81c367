import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ImpulsError } from '../core/errors.js';
import { exists } from '../node/durable-file.js';
import type { Context } from './command.js';

/** Where the wallet is, and its settings beside it. */

interface Config {
  readonly max?: unknown;
  readonly mirrors?: unknown;
  readonly proxy?: unknown;
  readonly privacy?: unknown;
  readonly delay?: unknown;
}

export type Place = Pick<Context, 'env'> & { readonly values: { readonly wallet?: string } };

export function walletFile({ env, values }: Place): string {
  if (values.wallet) return resolve(values.wallet);
  if (env['IMPULS_HOME']) return resolve(env['IMPULS_HOME'], 'wallet');
  const data = env['XDG_DATA_HOME'] || env['LOCALAPPDATA'] || join(homedir(), '.local', 'share');
  return resolve(data, 'impuls', 'wallet');
}

export function configFile(place: Place): string {
  return join(dirname(walletFile(place)), 'config.json');
}

/** What the settings say, unchecked. */
export async function readConfig(place: Place): Promise<Config> {
  const file = configFile(place);
  if (!(await exists(file))) return {};
  try {
    return Object(JSON.parse(await readFile(file, 'utf8'))) as object;
  } catch {
    throw wrongConfig(place, 'not JSON');
  }
}

export function wrongConfig(place: Place, what: string): ImpulsError {
  return new ImpulsError('invalid-argument', `${configFile(place)}: ${what}`, {
    hint: 'Write it as {"max": 10, "mirrors": {"https://news.example": ["https://mirror.example/news.json"]}}.',
  });
}
