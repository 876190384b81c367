export { activitySlotSeconds, type ActivityKind, type ActivitySlot } from './activity.js';
export type { PrintedCodes } from './batches.js';
export {
  computeLiability,
  computeReport,
  dayOf,
  type BookKey,
  type BookTerms,
  type KeyLiability,
  type Liability,
  type Report,
  type ReportDay,
  type ReportEntry,
  type ReportKind,
  type RouteSum,
  type Sum,
  type Sums,
} from './books.js';
export type { Call, Header, Reply } from './call.js';
export {
  createContentAnswerer,
  createContentHandler,
  type ContentAnswerer,
  type ContentKey,
  type ContentKeys,
  type ContentOptions,
} from './content.js';
export type { Cors } from './cors.js';
export { createFetchHandler, createPaidHandler, type FetchInfo, type PaidHandler } from './fetch.js';
export type { Admission, Gate, Route, RouteListing } from './gate.js';
export type { IssuingSigner, VendorKeys } from './keys.js';
export type {
  Batch,
  BatchTerms,
  CardEntry,
  ClaimRecord,
  CodeRun,
  Credited,
  CreditPurpose,
  CreditTo,
  IdempotencyKey,
  IssuedCard,
  Ledger,
  Movement,
  MovementKind,
  Order,
  OrderItem,
  OrderState,
  Refund,
  Served,
  StoredCard,
  StoredCode,
  StoredCredit,
  StoredOrder,
  StoredReply,
  Totals,
} from './ledger.js';
export { createMemoryLedger } from './ledger-memory.js';
export type { LoadGauge, LoadKind, LoadOptions } from './load.js';
export type { Meter, MeterEnd, MeteringOptions } from './metering/meter.js';
export { createOtherPayment, type OtherPaymentOptions } from './other-payment.js';
export type { OtherMethod } from './others.js';
export type { Payment } from './payment.js';
export type { ReplyLimits } from './replies.js';
export type { FailureBudgetOptions, FailureGauge } from './throttle.js';
export {
  createVendor,
  type ChallengeIssuer,
  type Vendor,
  type VendorIdentity,
  type VendorOptions,
} from './vendor.js';
