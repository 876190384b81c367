import type { PrivacyLevel, Transport, WalletOptions } from '../client/index.js';
import { ImpulsError } from '../core/errors.js';
import { openTransport } from '../node/transport.js';
import { wholeNumber, type Context } from './command.js';
import { configFile, readConfig } from './wallet-config.js';

/** How the commands of a wallet reach the network: straight, or by a proxy that keeps cards apart. */

export const networkOption = {
  proxy: {
    type: 'string',
    value: '<url>',
    help: 'socks5h://host:port: all goes by this proxy, each card by a circuit of its own',
  },
  privacy: {
    type: 'string',
    value: '<level>',
    help: 'What vendors may connect: pseudonymous, unlinkable-sale (default), unlinkable-sessions',
  },
} as const;

export const delayOption = {
  delay: {
    type: 'string',
    value: '<hours>',
    help: 'New cards rest up to so long before their first payment, by chance',
  },
} as const;

export interface NetworkPlace extends Pick<Context, 'env'> {
  readonly values: {
    readonly wallet?: string;
    readonly proxy?: string;
    readonly privacy?: string;
    readonly delay?: string;
  };
}

export interface Network {
  /** What a wallet is opened with. */
  readonly wallet: Pick<WalletOptions, 'fetch' | 'transport' | 'privacy' | 'activationDelay'>;
  /** For requests that are not a wallet's. */
  readonly fetch: typeof fetch;
}

const levels: readonly PrivacyLevel[] = ['pseudonymous', 'unlinkable-sale', 'unlinkable-sessions'];
const maxHours = 720;

/**
 * As the command line says, or else the settings. Where a proxy is named nothing goes without it.
 *
 * @param wrap put around each fetch
 * @throws ImpulsError `invalid-argument`
 */
export async function openNetwork(
  place: NetworkPlace,
  wrap: (inner: typeof fetch) => typeof fetch = (inner) => inner,
): Promise<Network> {
  const { values } = place;
  const config = await readConfig(place);
  const proxy = values.proxy ?? textOf(place, 'proxy', config.proxy);
  const level = values.privacy ?? textOf(place, 'privacy', config.privacy);
  const hours = values.delay ?? (typeof config.delay === 'number' ? `${config.delay}` : undefined);
  const privacy = levels.find((name) => name === level);
  if (level !== undefined && !privacy) {
    throw new ImpulsError('invalid-argument', `there is no level of privacy "${level}"`, {
      hint: `Say ${levels.join(', ')}.`,
    });
  }
  const settings = {
    ...(privacy && { privacy }),
    ...(hours !== undefined && { activationDelay: 3600 * wholeNumber(hours, '--delay', 0, maxHours) }),
  };
  if (proxy === undefined) {
    const fetch = wrap(globalThis.fetch);
    return { fetch, wallet: { fetch, ...settings } };
  }
  const { circuit } = openTransport({ proxy });
  const transport: Transport = { circuit: (name) => wrap(circuit(name)) };
  const open: typeof fetch = (input, init) => {
    const { origin } = new URL(input instanceof Request ? input.url : input);
    return transport.circuit(`open ${origin}`)(input, init);
  };
  return { fetch: open, wallet: { transport, ...settings } };
}

function textOf(place: NetworkPlace, name: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw new ImpulsError('invalid-argument', `${configFile(place)}: "${name}" is not a text`);
}
