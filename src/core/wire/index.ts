export { formatAuthParams, parseChallengeParams } from './auth-params.js';
export { canonicalJson, parseJson, type JsonObject, type JsonValue } from './canonical-json.js';
export {
  challengeId,
  formatChallenge,
  parseChallenges,
  verifyChallengeId,
  type Challenge,
  type ChallengeSlots,
} from './challenge.js';
export {
  formatCredential,
  methodName,
  parseCredential,
  type Credential,
  type PaymentPayload,
} from './credential.js';
export {
  formatProblem,
  parseProblem,
  problemOfError,
  problems,
  type Problem,
  type ProblemCode,
} from './problem.js';
export { parseReceipt, formatReceipt, type Receipt } from './receipt-header.js';
export { decodeRequest, encodeRequest, readRequest, type ImpulsRequest } from './request.js';
export {
  parseState,
  formatState,
  reportFromJson,
  stateFromJson,
  reportToJson,
  stateToJson,
  type StateMessage,
  type StateVerdict,
} from './state-header.js';
export { formatExpires, parseExpires } from './time.js';
