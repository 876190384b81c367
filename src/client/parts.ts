import { ImpulsError } from '../core/errors.js';
import type { Environment } from './environment.js';
import type { Journal } from './journal.js';
import type { Purse } from './purse.js';
import type { Vendors } from './vendors.js';
import type { Wallet } from './wallet.js';

/** What a wallet is made of, for the modules of this folder only. */
export interface Parts extends Environment {
  readonly journal: Journal;
  readonly vendors: Vendors;
  readonly purse: Purse;
}

const parts = new WeakMap<Wallet, Parts>();

export function keepParts(wallet: Wallet, made: Parts): void {
  parts.set(wallet, made);
}

/** @throws ImpulsError `invalid-argument` for an object that `openWallet` did not return */
export function partsOf(wallet: Wallet): Parts {
  const made = parts.get(wallet);
  if (!made) throw new ImpulsError('invalid-argument', 'not a wallet of this copy of impuls');
  return made;
}
