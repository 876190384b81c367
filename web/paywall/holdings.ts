import { ImpulsError } from 'impuls';
import type { Wallet } from 'impuls/client';
import type { KeyLibrary } from 'impuls/client/content';
import { openIndexedDbLibrary } from 'impuls/client/indexeddb';
import { openPageWallet, storageName } from '../common/page-wallet.js';
import { formatPrice } from './words.js';

/** The reader's cards and bought keys, which the browser keeps for this site: one of each for all elements of a page. */
export interface Holdings {
  readonly wallet: Wallet;
  readonly library: KeyLibrary;
}

let opened: Promise<Holdings> | undefined;
/** Told when cards may have changed. */
const changes = new EventTarget();

/** @throws ImpulsError `storage-failed` where the browser keeps nothing */
export function openHoldings(): Promise<Holdings> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

async function open(): Promise<Holdings> {
  if (!('indexedDB' in globalThis)) throw new ImpulsError('storage-failed', 'this browser keeps no data');
  const [wallet, library] = await Promise.all([
    openPageWallet(),
    openIndexedDbLibrary({ name: storageName }),
  ]);
  wallet.onChange(() => changes.dispatchEvent(new Event('change')));
  // What a closed tab left half done; a purchase is gone on with when its article is asked for again.
  wallet.recover().catch(() => {});
  return { wallet, library };
}

/** What can be spent at a vendor, in words; undefined without a card of it. */
export function describeLeft(wallet: Wallet, vendor: string): string | undefined {
  const cards = wallet.cards().filter((card) => card.vendor.origin === vendor);
  if (cards.length === 0) return undefined;
  const alive = cards.filter(({ status }) => status === 'ready' || status === 'active');
  const units = alive.reduce((sum, { left }) => sum + left, 0);
  // Each card says what is left on it; the value of a unit is not told.
  const worth = alive.length === 1 ? ` (${alive[0]!.worth})` : '';
  return `${formatPrice(units)}${worth}`;
}

/** Turns a code into cards, and asks the browser to keep them. */
export async function redeemCode(vendor: string, code: string): Promise<void> {
  const { wallet } = await openHoldings();
  await wallet.redeem(vendor, code, { protocol: 'chain' });
  await keepStored();
}

/** Has a listener told when what is left may have changed, by this tab or another. */
export function onChange(listener: () => void, signal: AbortSignal): void {
  changes.addEventListener('change', listener, { signal });
}

/** Without this a browser that runs short of room may drop what a site stored. */
async function keepStored(): Promise<void> {
  try {
    await navigator.storage.persist();
  } catch {
    // An older browser, or one that has decided.
  }
}
