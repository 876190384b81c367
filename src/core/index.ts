export {
  decodeActivation,
  encodeActivation,
  openActivation,
  sealActivation,
  type Activation,
  type ActivationContext,
} from './activation.js';
export { formatCount, formatUnits, plural } from './amounts.js';
export { fromBase64url, toBase64url } from './base64url.js';
export { blindMessage, finalizeSignature, prepareMessage, verifySignature } from './blind.js';
export {
  unitsLeft,
  type CardState,
  type Gap,
  type Refusal,
  type Spending,
  type Taken,
} from './card-state.js';
export {
  deriveCard,
  deriveKeys,
  readOpening,
  type Card,
  type CardId,
  type CardKeys,
  type OpenedCard,
} from './card.js';
export {
  computeTag,
  deriveFingerprint,
  derivePaymentKey,
  deriveReference,
  deriveSealKey,
  verifyTag,
  type Claim,
  type ClaimedRequest,
} from './claim.js';
export { decodeCredit, encodeCredit, type Credit, type CreditPurpose } from './credit.js';
export { generateEnvelopeKey, openEnvelope, sealEnvelope } from './envelope.js';
export { ImpulsError, isImpulsError, type ErrorCode, type ImpulsErrorOptions } from './errors.js';
export {
  evidenceToJson,
  parseEvidence,
  parseStatement,
  verifyEvidence,
  verifySignedStatement,
  type ChainEvidence,
  type SignedStatement,
} from './evidence.js';
export { generators, type Generator, type GeneratorName } from './generators.js';
export {
  activationKeyId,
  formatKeyDocument,
  issuingKeyId,
  parseKeyDocument,
  worthOf,
  type IssuingKey,
  type KeyDocument,
  type Revocation,
} from './key-document.js';
export { issuingKeys, statementKeysAt } from './key-life.js';
export { checkSuccessor } from './key-succession.js';
export { limits } from './limits.js';
export {
  protocolById,
  protocols,
  type CardKind,
  type Protocol,
  type ProtocolName,
  type Scheme,
  type Source,
} from './protocol.js';
export {
  computeStateTag,
  macReceipt,
  macState,
  reportState,
  signStatement,
  verifyReceipt,
  verifyState,
  verifyStatement,
  type CardReport,
  type ReceiptClaims,
  type StatementClaims,
} from './receipt.js';
export { openSealedBody, sealBody } from './seal.js';
export { spend, type KnownClaim, type Outcome, type Terms, type Verdict } from './spend.js';
export { createVoucherCode, formatVoucherCode, parseVoucherCode } from './voucher-code.js';
