import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64url } from '../../core/base64url.js';
import { fromUtf8 } from '../../core/bytes.js';
import { ImpulsError, malformed } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { parseJson, type JsonObject, type JsonValue } from '../../core/wire/canonical-json.js';
import {
  expectArray,
  expectBytes,
  expectObject,
  expectText,
  expectUint32,
} from '../../core/wire/json-members.js';
import { readItems } from '../../server/order-items.js';
import { exists, writeDurably } from '../durable-file.js';
import { lockFile } from '../file-lock.js';
import type { Product } from './stripe.js';
import { platformRandom } from '../vendor/folder.js';
import { explaining, refuseOpenSecrets, storing, vendorFiles, written } from '../vendor/store.js';

/** How a vendor sells: `sales.json`. It holds secrets and is written by programs only. Without it nothing is sold but by hand. */
export interface SalesSettings {
  /** Codes of sales are derived from the first; the others are those before it. 32 bytes each, secret. */
  readonly secrets: readonly Uint8Array[];
  /** Who may make orders: SHA-256 of each token. */
  readonly tokens: readonly { readonly name: string; readonly hash: Uint8Array }[];
  /** By name. */
  readonly products: Readonly<Record<string, Product>>;
  /** Signing secrets of the webhook of Stripe, the newest first, two at most. Secret; none where Stripe sells nothing. */
  readonly stripe: readonly string[];
}

/** Of tokens and products. */
export const salesName = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const maxSecrets = 16;
const maxNamed = 256;

/** @param folder of the vendor @returns undefined where sales are not set up @throws ImpulsError `storage-corrupt`, `storage-failed` */
export async function readSales(folder: string): Promise<SalesSettings | undefined> {
  const file = join(folder, vendorFiles.sales);
  if (!(await exists(file))) return undefined;
  await refuseOpenSecrets(file);
  const bytes = await storing(folder, () => readFile(file));
  return explaining(async () => parseSales(fromUtf8(bytes)), written(file));
}

/**
 * Changes what is there, or sets sales up, as the only one that writes.
 *
 * @throws ImpulsError `storage-locked`, and as `readSales`
 */
export async function changeSales(
  folder: string,
  change: (settings: SalesSettings) => SalesSettings,
): Promise<SalesSettings> {
  const file = join(folder, vendorFiles.sales);
  const lock = await storing(folder, () => lockFile(file));
  try {
    const before = await readSales(folder);
    const next = change(before ?? { secrets: [platformRandom(32)], tokens: [], products: {}, stripe: [] });
    if (next.secrets.length > maxSecrets || next.tokens.length > maxNamed) {
      throw new ImpulsError('invalid-argument', 'there are too many secrets or tokens', {
        hint: 'Remove what is not used any more.',
      });
    }
    await storing(folder, () => writeDurably(file, formatSales(next), 0o600));
    return next;
  } finally {
    await lock.release();
  }
}

function formatSales({ secrets, tokens, products, stripe }: SalesSettings): string {
  const json = {
    version: 1,
    secrets: secrets.map(toBase64url),
    tokens: tokens.map(({ name, hash }) => ({ name, hash: toBase64url(hash) })),
    products,
    stripe,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** @throws ImpulsError `malformed`, `unsupported` */
export function parseSales(text: string): SalesSettings {
  const json = expectObject(parseJson(text), 'the file');
  if (json['version'] !== 1) throw new ImpulsError('unsupported', 'version is not 1');
  const secrets = expectArray(json['secrets'], 'secrets').map((secret) =>
    expectBytes(secret, 32, 'a secret'),
  );
  if (secrets.length === 0) throw malformed('secrets are missing');
  return {
    secrets,
    tokens: expectArray(json['tokens'], 'tokens').map((item) => {
      const token = expectObject(item, 'a token');
      return { name: readName(token['name']), hash: expectBytes(token['hash'], 32, 'the hash of a token') };
    }),
    products: Object.fromEntries(
      Object.entries(expectObject(json['products'], 'products')).map(([name, value]) => [
        readName(name),
        readProduct(expectObject(value, name)),
      ]),
    ),
    stripe: expectArray(json['stripe'], 'stripe').map((secret) => expectText(secret, 'a signing secret')),
  };
}

function readName(value: JsonValue | undefined): string {
  const name = expectText(value, 'a name');
  if (!salesName.test(name)) throw malformed('a name has 1 to 63 small letters, digits and any of . _ -');
  return name;
}

function readProduct(json: JsonObject): Product {
  const items = readItems(json['items']);
  const cards = items.reduce((sum, { count }) => sum + count, 0);
  const amount = expectUint32(json['amount'], 'amount');
  const currency = expectText(json['currency'], 'currency');
  if (cards < 1 || cards > limits.orderItems || amount < 1 || !/^[a-z]{3}$/.test(currency)) {
    throw malformed(`a product is 1 to ${limits.orderItems} cards at a price in a currency such as "eur"`);
  }
  return { items, amount, currency };
}
