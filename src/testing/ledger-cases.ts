import type { Ledger } from '../server/ledger.js';
import { batchCases } from './ledger-cases-batches.js';
import { bookCases } from './ledger-cases-books.js';
import { cardCases } from './ledger-cases-cards.js';
import { claimCases } from './ledger-cases-claims.js';
import { creditCases } from './ledger-cases-credits.js';
import { durabilityCases } from './ledger-cases-durable.js';
import { holdCases } from './ledger-cases-holds.js';
import { idempotencyCases } from './ledger-cases-idempotency.js';
import { modelCases } from './ledger-cases-model.js';
import { orderCases } from './ledger-cases-orders.js';
import { sharedCases } from './ledger-cases-shared.js';
import type { Capability, SuiteCase } from './suite.js';

/** How the cases get at the ledger that they judge. */
export interface LedgerHarness {
  readonly capabilities: readonly Capability[];
  /** A ledger that holds nothing yet. */
  readonly open: () => Promise<Ledger>;
  /** Closes a ledger and opens it again on the same data. */
  readonly reopen: (ledger: Ledger) => Promise<Ledger>;
  /** Opens the same data a second time, beside it: for those that are `shared`. */
  readonly openAgain?: (ledger: Ledger) => Promise<Ledger>;
}

/** The contract of `Ledger`, sentence by sentence. */
export function ledgerCases(): readonly SuiteCase<LedgerHarness>[] {
  return [
    ...cardCases,
    ...claimCases,
    ...idempotencyCases,
    ...orderCases,
    ...batchCases,
    ...creditCases,
    ...holdCases,
    ...bookCases,
    ...durabilityCases,
    ...sharedCases,
    ...modelCases,
  ];
}
