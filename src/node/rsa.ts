import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  type KeyObject,
} from 'node:crypto';
import { fromBase64url } from '../core/base64url.js';
import { equalBytes } from '../core/bytes.js';
import { ImpulsError } from '../core/errors.js';
import { issuingKeyId } from '../core/key-document.js';
import type { IssuingSigner } from '../server/index.js';

/** Issuing keys by the platform's OpenSSL: RSA-3072, public exponent 65537. */

const modulusLength = 3072;
const publicExponent = 65537;

/** An issuing key's public half, and the means to sign with the other. */
export interface RsaSigner extends IssuingSigner {
  /** 384 bytes. */
  readonly n: Uint8Array;
}

/** @returns the private key as PKCS #8 PEM, secret, and its modulus, 384 bytes. Takes about a second. */
export function generateIssuingKey(): { readonly pem: string; readonly n: Uint8Array } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  return { pem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })), n: modulusOf(privateKey) };
}

/**
 * BlindSign (RFC 9474 §4.3). Without padding, RSA decryption is the bare private operation; OpenSSL blinds it against timing.
 *
 * @param privateKeyPem secret; PKCS #8 or PKCS #1
 * @throws ImpulsError `bad-key` if it is not an RSA-3072 key with the exponent 65537
 */
export function createRsaSigner(privateKeyPem: string): RsaSigner {
  const privateKey = readPrivateKey(privateKeyPem);
  const publicKey = createPublicKey(privateKey);
  const padding = constants.RSA_NO_PADDING;
  const n = modulusOf(privateKey);
  return {
    id: issuingKeyId(n),
    n,
    blindSign(blinded) {
      const signature = privateDecrypt({ key: privateKey, padding }, blinded);
      // 4. – 5. of BlindSign: a faulty result would give the private key away.
      if (!equalBytes(publicEncrypt({ key: publicKey, padding }, signature), blinded)) {
        throw new ImpulsError('bad-signature', 'the platform signed wrongly');
      }
      return new Uint8Array(signature);
    },
  };
}

function readPrivateKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause might quote the key.
    throw new ImpulsError('bad-key', 'an issuing key is not a private key in PEM');
  }
  const { modulusLength: bits, publicExponent: exponent } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== 'rsa' || bits !== modulusLength || exponent !== BigInt(publicExponent)) {
    throw new ImpulsError('bad-key', `an issuing key is not RSA-${modulusLength} with the exponent 65537`);
  }
  return key;
}

function modulusOf(privateKey: KeyObject): Uint8Array {
  const { n } = createPublicKey(privateKey).export({ format: 'jwk' });
  return fromBase64url(n ?? '', modulusLength / 8);
}
