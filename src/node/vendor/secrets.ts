import type { VendorKeys } from '../../server/index.js';
import { createRsaSigner } from '../rsa.js';
import {
  activationKeyOf,
  recentlyRetired,
  statementKeyOf,
  vendorKeysOf,
  type Published,
  type VendorSecrets,
} from './files.js';

/** The secrets of a vendor on Node, where OpenSSL signs. */

/** @param now Unix seconds @throws ImpulsError `storage-corrupt` if they are not those of the document, `bad-key` */
export function createVendorKeys(secrets: VendorSecrets, published: Published, now: number): VendorKeys {
  return vendorKeysOf(secrets.issuing.map(createRsaSigner), secrets, published, now);
}

/**
 * The secrets without those that nothing needs any more: of activation keys that were replaced 7 days ago, of replaced
 * statement keys, of revoked issuing keys. What is not published yet stays.
 *
 * @returns the same object if all of them stay
 */
export function keptSecrets(secrets: VendorSecrets, published: Published, now: number): VendorSecrets {
  const { document, retired } = published;
  const old = new Set(retired.map(({ id }) => id));
  for (const id of recentlyRetired(published, now)) old.delete(id);
  old.delete(document.activation.id);
  const earlier = new Set(document.statement.earlier?.map(({ key }) => key));
  const revoked = new Set(document.revoked?.map(({ id }) => id));
  const kept = {
    ...secrets,
    activation: secrets.activation.filter((secret) => !old.has(activationKeyOf(secret).id)),
    statement: secrets.statement.filter((secret) => !earlier.has(statementKeyOf(secret))),
    // Without a revocation none is read: that costs a millisecond a key.
    issuing:
      revoked.size === 0
        ? secrets.issuing
        : secrets.issuing.filter((pem) => !revoked.has(createRsaSigner(pem).id)),
  };
  const kinds = ['activation', 'statement', 'issuing'] as const;
  return kinds.every((kind) => kept[kind].length === secrets[kind].length) ? secrets : kept;
}
