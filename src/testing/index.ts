export { ledgerCases, type LedgerHarness } from './ledger-cases.js';
export { storageCases, type StorageHarness } from './storage-cases.js';
export type { Capability, SuiteCase } from './suite.js';
