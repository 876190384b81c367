import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import { worthOf, type Unit } from '../../core/key-document.js';
import type { ConfigOptions, ProxyConfig, ProxyRoute } from '../../node/proxying/config.js';
import type { Paint } from '../paint.js';
import { formatTable } from '../table.js';

/** The price list of a proxy, as a file that may change while it is used. */

export type Proxying = typeof import('../../node/proxying/proxy.js') &
  typeof import('../../node/proxying/config.js');

/** @throws ImpulsError `invalid-argument` where a package is missing */
export async function loadProxying(): Promise<Proxying> {
  try {
    return {
      ...(await import('../../node/proxying/proxy.js')),
      ...(await import('../../node/proxying/config.js')),
    };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new ImpulsError('invalid-argument', 'the proxy needs the packages undici and zod', {
      cause,
      hint: 'Run npm install undici zod.',
    });
  }
}

/** @returns undefined if there is no such file @throws ImpulsError `storage-failed` */
export async function readPriceList(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ImpulsError('storage-failed', `${path} cannot be read: ${message}`, { cause });
  }
}

/** What `--price` says: `/search=2`, `POST /v1/*=3`. @throws ImpulsError `invalid-argument` */
export function priceListOf(prices: readonly string[]): string {
  const routes = prices.map((text) => {
    const [, method, path, price] = /^(?:([A-Z]+) +)?(\/\S*)=(\d{1,10})$/.exec(text) ?? [];
    if (path === undefined) {
      throw new ImpulsError('invalid-argument', `--price "${text}" is no price`, {
        hint: "Say the path and its units, such as --price '/search=2' or --price 'POST /v1/*=3'.",
      });
    }
    return { path, ...(method !== undefined && { method }), price: Number(price) };
  });
  return JSON.stringify({ routes });
}

export interface Watching {
  readonly onConfig: (config: ProxyConfig) => void;
  /** A list that does not hold, by line; the one before it stays. */
  readonly onProblems: (problems: readonly string[]) => void;
  readonly onError: (error: unknown) => void;
}

/** How long a file rests before it is read: editors write in several steps. */
const restMs = 100;

/** Reads a price list again whenever it changes, and at each SIGHUP. @returns what ends it */
export function watchPriceList(
  path: string,
  { readProxyConfig }: Pick<Proxying, 'readProxyConfig'>,
  options: ConfigOptions,
  { onConfig, onProblems, onError }: Watching,
): () => void {
  let last: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const reload = async (): Promise<void> => {
    const text = await readPriceList(path);
    if (text === last) return;
    last = text;
    const read = text === undefined ? undefined : readProxyConfig(text, options);
    if (!read) onProblems([`${path} is gone`]);
    else if ('problems' in read) onProblems(read.problems.map(({ line, what }) => `${path}:${line} ${what}`));
    else onConfig(read.config);
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void reload().catch(onError), restMs);
  };
  readPriceList(path).then((text) => (last ??= text), onError);
  // The folder, since an editor may put another file in the place of this one.
  const watcher = watch(dirname(path), (_, name) => {
    if (name === null || name === basename(path)) soon();
  });
  watcher.on('error', onError);
  const again = (): void => {
    last = undefined;
    soon();
  };
  process.on('SIGHUP', again);
  return () => {
    process.off('SIGHUP', again);
    clearTimeout(timer);
    watcher.close();
  };
}

/** A route as programs read it; nothing of its headers, which may be secret. */
export function describeRoute({
  path,
  methods,
  price,
  charge,
  tokens,
  name,
  summary,
  upstream,
}: ProxyRoute): object {
  return { path, methods: methods ?? 'all', price, charge, tokens, name, summary, upstream: upstream.href };
}

export function formatPriceList({ routes, rest }: ProxyConfig, unit: Unit | undefined, paint: Paint): string {
  const rows = [...routes, ...(rest ? [rest] : [])].map((route, i) => {
    const { methods, path, price, charge, tokens, upstream } = route;
    const cost = tokens
      ? `${tokens.input} + ${tokens.output} / 1000 tokens`
      : price === 0
        ? 'free'
        : charge === 'capture'
          ? `up to ${price}`
          : String(price);
    return [
      methods?.join(' ') ?? 'all',
      i < routes.length ? path : 'anything else',
      cost,
      price === 0 || tokens || !unit ? '' : worthOf(price, unit),
      upstream.href,
    ];
  });
  if (!rest) rows.push(['all', 'anything else', 'refused', '', '']);
  return formatTable(
    [
      { head: 'Method' },
      { head: 'Path' },
      { head: 'Units', align: 'right' },
      { head: 'Worth', align: 'right' },
      { head: 'Upstream' },
    ],
    rows,
    paint,
  );
}
