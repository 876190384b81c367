export { ledgerCases, type LedgerHarness } from './ledger-cases.js';
export { storageCases } from './storage-cases.js';
export type { StorageHarness } from './storage-harness.js';
export type { Capability, SuiteCase } from './suite.js';
