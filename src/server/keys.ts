import type { IssuingKey } from '../core/key-document.js';

/** The secrets of a vendor. How they are kept is the host's business: a file, an HSM, a secret store. */
export interface VendorKeys {
  /** One for each entry of the key document's `cards` that this process may issue under. */
  readonly issuing: readonly IssuingSigner[];
  /** The secrets of the current activation key and of those that it replaced, by the id in the key document. X25519, 32 bytes. */
  readonly activation: ReadonlyMap<string, Uint8Array>;
  /** Ed25519, 32 bytes. */
  readonly statement: Uint8Array;
  /** Keys the challenge ids. 32 bytes. */
  readonly challenge: Uint8Array;
  /** Keys the hashes of voucher codes. 32 bytes. */
  readonly voucher: Uint8Array;
}

export interface IssuingSigner {
  readonly id: IssuingKey['id'];
  /**
   * BlindSign of RFC 9474 §4.3: the raw RSA private operation, by an implementation that resists timing, checked against the
   * public key before it is returned, since a faulty result would give the key away.
   * @param blinded 384 bytes, in range @returns 384 bytes
   */
  blindSign(blinded: Uint8Array): Uint8Array | Promise<Uint8Array>;
}
