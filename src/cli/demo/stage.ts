import { createPayingFetch, paymentOf, type KeyedPayment, type Wallet } from '../../client/index.js';
import type { ProtocolName } from '../../core/protocol.js';
import type { VendorChild } from './child.js';
import { routes } from './shop.js';
import type { Tap } from './tap.js';
import type { Teller } from './teller.js';

/** What all parts of the demo work with. */
export interface Stage {
  readonly teller: Teller;
  readonly wallet: Wallet;
  readonly tap: Tap;
  readonly folder: string;
  readonly origin: string;
  /** The vendor's process that runs now. */
  vendor: VendorChild;
  /** Every request that was answered for money, once, with the price that it has. */
  readonly bought: Map<string, number>;
  /** Fingerprints that the vendor told, by any of its processes. */
  readonly vendorKeys: Set<string>;
}

export const protocolNames: readonly ProtocolName[] = ['chain', 'stream'];

/** Enough for a vendor to be gone for some seconds. */
export const retry = { attempts: 9, baseDelayMs: 60 };

/** Keeps what the vendor's process has told before it goes. */
export function remember({ vendor, vendorKeys }: Stage): void {
  for (const { fingerprint } of vendor.paid) vendorKeys.add(fingerprint);
}

export async function buyArticle(
  stage: Stage,
  url: string,
  protocol: ProtocolName,
  seal?: 'prefer',
): Promise<{ readonly text: string; readonly payment: KeyedPayment | undefined }> {
  const { units } = routes.articles;
  const paying = createPayingFetch({
    wallet: stage.wallet,
    limits: { perRequest: units, total: units },
    protocol,
    retry,
    ...(seal && { seal }),
  });
  const response = await paying(url);
  const text = await response.text();
  if (response.status === 200) stage.bought.set(url, units);
  return { text, payment: paymentOf(response) };
}

/** The fingerprint as the vendor's process has told it: its line may arrive after the answer. */
export async function vendorKeyOf({ vendor, origin }: Stage, url: string): Promise<string | undefined> {
  const target = url.slice(origin.length);
  for (let i = 0; i < 500; i++) {
    const event = vendor.paid.find((one) => one.target === target);
    if (event) return event.fingerprint;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return undefined;
}
