export { confirmDelivery, paymentOf } from './delivery.js';
export type { KeyCheck, KeyChecks, KeyReport } from './key-checks.js';
export type { PrivacyLevel, Transport } from './circuits.js';
export { createPayingFetch } from './paying-fetch.js';
export type { PayingFetch, PayingFetchOptions, RetryOptions } from './paying-fetch.js';
export { createSession } from './session.js';
export type { Session } from './session.js';
export type { SpendingLimits } from './spending.js';
export { createMemoryStorage } from './storage.js';
export type { Lease, WalletStorage } from './storage.js';
export type {
  CardSummary,
  ExchangePlan,
  KeyedPayment,
  Payment,
  Progress,
  RecoveredClaim,
  RecoveryReport,
  Refund,
  SkippedCard,
} from './summary.js';
export { openWallet } from './wallet.js';
export type {
  ExchangeDelay,
  ExchangeOptions,
  ProgressOptions,
  RedeemOptions,
  RefundOptions,
  RestoreOptions,
  Wallet,
  WalletOptions,
} from './wallet.js';
