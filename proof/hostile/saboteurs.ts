import type { Rates } from './faults.js';
import type { Invariant } from './observer.js';
import type { Flaws } from './world.js';

/** What would be wrong, done on purpose: a battery that does not notice proves nothing. */
export interface Saboteur {
  readonly name: string;
  readonly flaws: Flaws;
  /** One of what it breaks. */
  readonly breaks: Invariant;
}

export const saboteurs: readonly Saboteur[] = [
  {
    name: 'a ledger that says that a claim is durable before it is',
    flaws: { ledger: { acknowledgesEarly: true } },
    breaks: 'served is durable',
  },
  {
    name: 'a ledger that keeps what a claim did to its card, and loses the claim',
    flaws: { ledger: { tearsTransactions: true } },
    breaks: 'units add up',
  },
  {
    name: 'a ledger that lets units come back twice',
    flaws: { ledger: { givesBackTwice: true } },
    breaks: 'units add up',
  },
  {
    name: 'a ledger that does not know what was interrupted',
    flaws: { ledger: { forgetsInterruptions: true } },
    breaks: 'comes to an end',
  },
  {
    name: 'a vendor that runs again what it did before',
    flaws: { vendor: { runsAgain: true } },
    breaks: 'ran once',
  },
  {
    name: 'a vendor that goes on after a restore as if nothing had been',
    flaws: { vendor: { restoresWithoutQuarantine: true } },
    breaks: 'held is held',
  },
  {
    name: 'a wallet that sends a claim before it has written it',
    flaws: { walletDisk: { acknowledgesEarly: true } },
    breaks: 'sent is durable',
  },
  {
    name: 'a wallet that forgets its open claims in a crash, and takes their places again',
    flaws: { walletDisk: { hidesClaims: true } },
    breaks: 'one request a place',
  },
  {
    name: 'a wallet that pays again where no answer came',
    flaws: { wallet: { paysAgain: true } },
    breaks: 'charged once',
  },
];

/** More goes wrong than in other worlds, so that few payments are enough. */
export const rough: Partial<Rates> = {
  'reply lost': 60_000,
  'request doubled': 80_000,
  'wallet killed': 10_000,
  'vendor killed': 6_000,
  'vendor power cut': 4_000,
  'ledger slow': 250_000,
  'vendor restored': 1_000_000,
};
