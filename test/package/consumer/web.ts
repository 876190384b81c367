import { deriveCard, isImpulsError, type Card, type KeyDocument } from 'impuls';
import { createMemoryStorage, createPayingFetch, openWallet, paymentOf, type Wallet } from 'impuls/client';
import { createFetchHandler, createPaidHandler, createVendor, type Vendor } from 'impuls/server';
import { createMemoryLedger, type VendorKeys } from 'impuls/server';
import { parseChallenges, type Challenge } from 'impuls/wire';

/** Compiles without the types of Node. */

export const card: Card = deriveCard(new Uint8Array(32), { protocol: 'stream', generator: 'hmac-drbg' }, 10);

export const challengesOf = (response: Response): Challenge[] =>
  parseChallenges(response.headers.get('WWW-Authenticate') ?? '');

export async function read(url: URL, fetcher: typeof fetch): Promise<number | undefined> {
  const wallet: Wallet = await openWallet({ storage: createMemoryStorage(), fetch: fetcher });
  const pay = createPayingFetch({ wallet, limits: { perRequest: 5, total: 50 }, seal: 'prefer' });
  try {
    return paymentOf(await pay(url))?.units;
  } catch (error) {
    if (isImpulsError(error, 'no-card')) return undefined;
    throw error;
  } finally {
    await wallet.close();
  }
}

export function serve(document: KeyDocument, keys: VendorKeys) {
  const vendor: Vendor = createVendor({ document, keys, ledger: createMemoryLedger() });
  const paid = createPaidHandler(vendor.gate({ price: 3 }), (_, payment) => Response.json(payment.units));
  const own = createFetchHandler(vendor);
  return async (request: Request): Promise<Response> => (await own(request)) ?? paid(request);
}
