import { ImpulsError } from '../../core/errors.js';
import { issuingKeyId } from '../../core/key-document.js';
import { fromBase64url } from '../../core/base64url.js';
import { verifyBlindSignature } from '../../core/blind.js';
import { parsePublished, parseSecrets, recentSeconds, vendorKeysOf } from '../../node/vendor/files.js';
import type { IssuingSigner, VendorIdentity } from '../../server/index.js';

/** A vendor's folder in a worker: two of its files, as text. */
export interface VendorTexts {
  /** `document.json`. */
  readonly document: string;
  /** `keys.json`. Secret. */
  readonly keys: string;
}

/**
 * Reads what `impuls vendor init` and `impuls keys rotate` wrote. Issuing keys sign by `RSA-RAW`, which only the Web Crypto of workerd has.
 *
 * @param now Unix seconds
 * @throws ImpulsError `malformed`, `unsupported`, `bad-document`, `bad-key`, `storage-corrupt`
 */
export async function readVendorFiles(
  { document, keys }: VendorTexts,
  now = Math.floor(Date.now() / 1000),
): Promise<VendorIdentity> {
  const published = parsePublished(document);
  const secrets = parseSecrets(keys);
  const issuing = await Promise.all(secrets.issuing.map(importSigner));
  return {
    document: published.document,
    keys: vendorKeysOf(issuing, secrets, published, now),
    recentDocuments: published.replaced
      .filter(({ time }) => now - time < recentSeconds)
      .map(({ digest }) => digest),
  };
}

/** What of Web Cryptography signs; `RSA-RAW` is workerd's own. */
interface RawRsa {
  importKey(
    format: 'pkcs8',
    key: Uint8Array,
    algorithm: object,
    extractable: boolean,
    usages: string[],
  ): Promise<object>;
  exportKey(format: 'jwk', key: object): Promise<{ readonly n?: string; readonly e?: string }>;
  sign(algorithm: 'RSA-RAW', key: object, data: Uint8Array): Promise<ArrayBuffer>;
}

async function importSigner(pem: string): Promise<IssuingSigner> {
  const subtle = crypto.subtle as unknown as RawRsa;
  let key: object;
  let n: Uint8Array;
  try {
    const body = pem.replace(/-----[A-Z ]+-----|\s/g, '');
    const der = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
    key = await subtle.importKey('pkcs8', der, { name: 'RSA-RAW' }, false, ['sign']);
    // The modulus is read by a kind of key that may be read; it is dropped at once.
    const shown = await subtle.importKey('pkcs8', der, { name: 'RSA-PSS', hash: 'SHA-384' }, true, ['sign']);
    const jwk = await subtle.exportKey('jwk', shown);
    n = fromBase64url(jwk.n ?? '', 384);
    if (jwk.e !== 'AQAB') throw new ImpulsError('bad-key', 'the exponent is not 65537');
  } catch {
    // The cause might quote the key.
    throw new ImpulsError(
      'bad-key',
      'an issuing key is not RSA-3072 in PEM, or this platform has no RSA-RAW',
    );
  }
  return {
    id: issuingKeyId(n),
    async blindSign(blinded) {
      const signature = new Uint8Array(await subtle.sign('RSA-RAW', key, blinded));
      // A faulty result would give the private key away.
      if (!verifyBlindSignature(n, blinded, signature)) {
        throw new ImpulsError('bad-signature', 'the platform signed wrongly');
      }
      return signature;
    },
  };
}
