import { readSealedUrl, type BoughtKey, type SealedContent } from '../../client/content.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { formatBytes } from '../amounts.js';
import { byteProgress } from '../byte-progress.js';
import type { Terminal } from '../terminal.js';
import { checkWritable } from './answer.js';
import type { KeyShop } from './key-shop.js';
import { unreachable } from './network.js';
import { openPartFile } from './part-file.js';
import { tellPayment } from './payment-line.js';

/** A sealed file, fetched from any host and opened on the way. */

export interface OpenOptions {
  readonly terminal: Terminal;
  readonly shop: KeyShop;
  readonly fetch: typeof fetch;
  /** The most units for its key; to be asked for only if it must be bought. @throws ImpulsError */
  readonly max: () => number;
  /** Undefined: stdout. */
  readonly output: string | undefined;
  readonly json: boolean;
  readonly silent: boolean;
  readonly verbose: boolean;
}

/** The most of a body that becomes part of a JSON document. Bytes. */
const maxJsonBytes = 64 << 20;

/** @returns what the key was bought for; nothing if it was bought before */
export async function fetchSealedFile(url: URL, options: OpenOptions): Promise<BoughtKey['payment']> {
  const { terminal, shop, output } = options;
  if (output !== undefined) await checkWritable(output);
  const content = await readSealed(url, options.fetch);
  let bought: BoughtKey;
  try {
    const held = await shop.held(content.keyUrl);
    bought = held ? { key: held } : await shop.buy(content.keyUrl, options.max());
  } catch (error) {
    await content.close();
    throw error;
  }
  if (options.json) await printAsJson(content, bought, options);
  else await write(content, bought, options);
  if (!options.silent) tellPayment(terminal, bought.payment, options.verbose ? 'always' : 'watched');
  return bought.payment;
}

/** @throws ImpulsError `bad-seal`, `network` */
export async function readSealed(url: URL, fetching: typeof fetch): Promise<SealedContent> {
  return readSealedUrl(url.href, { fetch: fetching }).catch((error: unknown) => {
    const isDown = isImpulsError(error, 'network') && error.cause instanceof TypeError;
    throw isDown ? unreachable(url, error.cause) : error;
  });
}

async function write(content: SealedContent, { key }: BoughtKey, options: OpenOptions): Promise<void> {
  const { terminal, output, silent } = options;
  // On a terminal the bar would stand in the middle of the text.
  const bar = !silent && (output !== undefined || terminal.json) ? terminal.bar() : undefined;
  const progress = bar && byteProgress(bar);
  const name = decodeURIComponent(new URL(content.url).pathname.split('/').at(-1)!).replace(/\.sealed$/, '');
  const onProgress = ({ done, total }: { readonly done: number; readonly total: number | undefined }) =>
    progress?.(name, done, total);
  try {
    if (output === undefined) {
      for await (const chunk of content.open(key, { onProgress }).body) await terminal.write(chunk);
      return;
    }
    const part = await openPartFile(output, content.keyUrl.slice(-22));
    // The last record at least is fetched again: it tells that the file is whole.
    const isPart = content.size === undefined || part.size <= content.size;
    const { start, body } = content.open(key, { from: isPart ? Math.max(0, part.size - 1) : 0, onProgress });
    if (start > 0 && !silent && terminal.watched) terminal.note(`Goes on after ${formatBytes(start)}.`);
    await part.fill(body, start);
  } finally {
    bar?.clear();
  }
}

async function printAsJson(content: SealedContent, bought: BoughtKey, options: OpenOptions): Promise<void> {
  const { terminal, output } = options;
  const { url, type, keyUrl } = content;
  const about = { url, type, key: keyUrl, payment: bought.payment ?? null };
  if (output !== undefined) {
    await write(content, bought, options);
    terminal.printJson({ ...about, file: output });
    return;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content.open(bought.key).body) {
    length += chunk.length;
    if (length > maxJsonBytes) {
      throw new ImpulsError('too-large', 'the file is too long for a JSON document', {
        hint: 'Add -o <file>; its key is not paid again.',
      });
    }
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text).equals(bytes);
  terminal.printJson({ ...about, ...(isText ? { body: text } : { bodyBase64: bytes.toString('base64') }) });
}
