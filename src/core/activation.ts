import { fromBase64url } from './base64url.js';
import { concat, Reader, utf8 } from './bytes.js';
import { openEnvelope, sealEnvelope, type EnvelopeContext } from './envelope.js';
import { ImpulsError, malformed } from './errors.js';

/**
 * The plaintext of an activation (docs/spec.md §5), sent once a card:
 *
 *   opening ‖ randomizer(32) ‖ signature(384) ‖ nonce(16)
 */
export interface Activation {
  /** What the card's message is the hash of, 1 to 128 bytes. Secret. */
  readonly opening: Uint8Array;
  /** The prefix of the signed message, 32 bytes. */
  readonly randomizer: Uint8Array;
  /** Of the prepared message under the issuing key, 384 bytes. */
  readonly signature: Uint8Array;
  /** Comes back in the vendor's answer, 16 random bytes. */
  readonly nonce: Uint8Array;
}

/** What travels in clear beside it, and what the envelope is bound to. */
export interface ActivationContext {
  /** The digest `D` of a key document, 32 bytes. */
  readonly document: Uint8Array;
  /** The id of the issuing key. */
  readonly key: string;
}

const sizes = { opening: 128, randomizer: 32, signature: 384, nonce: 16, document: 32 } as const;
const tailBytes = sizes.randomizer + sizes.signature + sizes.nonce;

/** @throws ImpulsError `invalid-argument` if a part has another length */
export function encodeActivation({ opening, randomizer, signature, nonce }: Activation): Uint8Array {
  if (opening.length < 1 || opening.length > sizes.opening) {
    throw new ImpulsError('invalid-argument', `an opening of ${opening.length} bytes`);
  }
  return concat(
    opening,
    sized('randomizer', randomizer),
    sized('signature', signature),
    sized('nonce', nonce),
  );
}

/** @throws ImpulsError `malformed` if the bytes are too few or too many */
export function decodeActivation(bytes: Uint8Array): Activation {
  const openingBytes = bytes.length - tailBytes;
  if (openingBytes < 1 || openingBytes > sizes.opening) throw malformed('an activation of the wrong length');
  const reader = new Reader(bytes);
  return {
    opening: reader.raw(openingBytes),
    randomizer: reader.raw(sizes.randomizer),
    signature: reader.raw(sizes.signature),
    nonce: reader.raw(sizes.nonce),
  };
}

/**
 * @param activationKey the vendor's, 32 bytes
 * @param random for the ephemeral key; default: that of the platform
 * @returns enc(32) ‖ ciphertext
 * @throws ImpulsError `invalid-argument` if a part has another length, `bad-key` if the key cannot be one
 */
export async function sealActivation(
  activationKey: Uint8Array,
  context: ActivationContext,
  activation: Activation,
  random?: (length: number) => Uint8Array,
): Promise<Uint8Array> {
  return sealEnvelope(activationKey, envelopeContext(context), encodeActivation(activation), random);
}

/**
 * @param secretKey of the activation key, 32 bytes, secret
 * @param context as the request names it: it is proven by opening
 * @throws ImpulsError `bad-seal` if it does not open, `malformed` if what it holds or the context is no such thing
 */
export async function openActivation(
  secretKey: Uint8Array,
  context: ActivationContext,
  sealed: Uint8Array,
): Promise<Activation> {
  return decodeActivation(await openEnvelope(secretKey, envelopeContext(context), sealed));
}

function envelopeContext({ document, key }: ActivationContext): EnvelopeContext {
  return {
    info: concat(utf8('impuls/1 activate'), sized('document', document)),
    aad: fromBase64url(key, 16),
  };
}

function sized(name: keyof typeof sizes, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== sizes[name]) {
    throw new ImpulsError('invalid-argument', `a ${name} of ${bytes.length} bytes, not ${sizes[name]}`);
  }
  return bytes;
}
