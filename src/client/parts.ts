import { ImpulsError } from '../core/errors.js';
import type { Environment } from './environment.js';
import type { Journal } from './journal.js';
import type { Use } from './leases.js';
import type { Purse } from './purse.js';
import type { Turns } from './turns.js';
import type { Vendors } from './vendors.js';

/** What a wallet is made of, for the modules of this folder only. */
export interface Parts extends Environment {
  readonly journal: Journal;
  readonly vendors: Vendors;
  readonly purse: Purse;
  /** Everything that touches the journal runs in here, each operation of a wallet or a paying fetch once. */
  readonly use: Use;
  /** By URL: calls that must not pay for the same thing twice. */
  readonly deliveries: Turns;
}

const parts = new WeakMap<object, Parts>();

export function keepParts(wallet: object, made: Parts): void {
  parts.set(wallet, made);
}

/** @throws ImpulsError `invalid-argument` for an object that `openWallet` did not return */
export function partsOf(wallet: object): Parts {
  const made = parts.get(wallet);
  if (!made) throw new ImpulsError('invalid-argument', 'not a wallet of this copy of impuls');
  return made;
}
