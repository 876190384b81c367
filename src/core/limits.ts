/**
 * Every bound in one place: what is larger is refused before work is done on it.
 * Each says where the protocol fixes it (docs/spec.md) and what happens beyond it.
 */
export const limits = {
  /** Units on a `chain` card, 2^20 (§3): bounds the hash walk of one claim. Beyond: `malformed`. */
  chainUnits: 1 << 20,
  /** Any `end` or `units` (§6.1) fits a u32. Beyond: `malformed`. */
  maxUint32: 0xffff_ffff,
  /** Gaps of one card after a new claim (§6.2): bounds the state of a card. Beyond: `crowded`. */
  gaps: 64,
  /** Units of a `chain` card that one claim may leap over (§6.2). Beyond: `crowded`. */
  skippedUnits: 4096,
  /** Steps of a `stream` card that one claim may leap over (§6.2). Beyond: `crowded`. */
  skippedSteps: 64,
  /** Calls of one wallet in flight on one card; the 65th waits. At most `gaps`. */
  inFlight: 64,
  /** Bytes of an `Authorization` header (§8). Beyond: 402 `malformed-credential`. */
  credentialBytes: 8192,
  /** Bytes of a `WWW-Authenticate` header that a client parses. Beyond: `malformed`. */
  challengeBytes: 16_384,
  /** Bytes of a request body behind a gate (§8), unless the route says otherwise. Beyond: 413. */
  bodyBytes: 1 << 20,
  /** Bytes of a request to the vendor's own endpoints. A full order of `orderItems` fits. Beyond: 413. */
  endpointBytes: 65_536,
  /** Cards in one order (§4). Each costs one RSA signature. Beyond: `malformed`. */
  orderItems: 64,
  /** Bytes of a key document (§2) that a wallet reads. Beyond: `too-large`. */
  documentBytes: 262_144,
  /** Bytes of a description of an API that a wallet reads for its prices. Beyond: it is not read. */
  apiBytes: 1 << 20,
  /** Issuing keys in a key document. Beyond: `bad-document`. */
  documentCards: 128,
  /** Declared headers of a route (§6.1), and bytes of one value. Beyond: `malformed`. */
  declaredHeaders: 8,
  headerBytes: 4096,
  /** Bytes of a target URI (§6.1). Beyond: 414. */
  targetBytes: 8192,
  /** Times that a settled claim of a safe method is served again (§6.4). Beyond: `already-claimed`. */
  repeats: 16,
  /** Bytes of a stored reply to an unsafe method. A longer one is answered `already-done`. */
  replyBytes: 65_536,
  /** Failed proofs of one card, counted in memory; beyond, its claims are refused unread (each may cost a long walk). */
  forgeriesPerCard: 16,
  /** Bytes of a sealed record (RFC 8188 `rs`), least and most that a reader accepts (§7). Beyond: `bad-seal`. */
  recordBytesMin: 18,
  recordBytesMax: 1 << 20,
  /** Bytes of a manifest of sealed files that a client reads, and the files that it lists. Beyond: `too-large`. */
  manifestBytes: 4 << 20,
  manifestItems: 16_384,
} as const;
