import { concat, utf8 } from './bytes.js';
import { chacha20Block } from './chacha20.js';
import { hmac } from './hash.js';

/**
 * The pseudorandom bit generators of protocol `stream` (docs/spec.md §3). Pure: a state goes in, the next comes out, and
 * neither an earlier state nor an earlier output can be computed from it.
 */
export interface Generator {
  readonly name: GeneratorName;
  /** Its byte in an opening. */
  readonly id: number;
  /** Bytes of the nonce that its opening carries. */
  readonly nonceBytes: number;
  /** Bytes of a state. */
  readonly stateBytes: number;
  /** @param start g_0, 32 bytes, secret @returns the state before step 1, secret */
  instantiate(start: Uint8Array, nonce: Uint8Array): Uint8Array;
  /** One step. @returns the next state, and an output of 32 bytes; both secret */
  step(state: Uint8Array): { readonly state: Uint8Array; readonly output: Uint8Array };
}

export type GeneratorName = 'chacha20' | 'hmac-drbg';

/** Fast key erasure over one ChaCha20 block (RFC 8439 §2.3): the first half is the next key, the second the output. */
const chacha20: Generator = {
  name: 'chacha20',
  id: 1,
  nonceBytes: 0,
  stateBytes: 32,
  instantiate: (start) => start.slice(),
  step(state) {
    const block = chacha20Block(state);
    return { state: block.slice(0, 32), output: block.slice(32, 64) };
  },
};

/** HMAC_DRBG_Update of SP 800-90A Rev. 1 §10.1.2.2. @param state Key ‖ V, 64 bytes */
function updateDrbg(state: Uint8Array, provided: Uint8Array): Uint8Array {
  let key = hmac(state.subarray(0, 32), concat(state.subarray(32), Uint8Array.of(0), provided));
  let v = hmac(key, state.subarray(32));
  if (provided.length > 0) {
    key = hmac(key, concat(v, Uint8Array.of(1), provided));
    v = hmac(key, v);
  }
  return concat(key, v);
}

/** HMAC_DRBG_Instantiate of §10.1.2.3 with SHA-256. @returns Key ‖ V, 64 bytes, secret */
export function instantiateDrbg(
  entropy: Uint8Array,
  nonce: Uint8Array,
  personalization: Uint8Array,
): Uint8Array {
  return updateDrbg(
    concat(new Uint8Array(32), new Uint8Array(32).fill(1)),
    concat(entropy, nonce, personalization),
  );
}

/** HMAC_DRBG_Generate of §10.1.2.5 without additional input. @param length bytes, at most 2^16 */
export function generateDrbg(
  state: Uint8Array,
  length: number,
): { readonly state: Uint8Array; readonly output: Uint8Array } {
  const key = state.subarray(0, 32);
  let v = state.subarray(32);
  const blocks: Uint8Array[] = [];
  for (let made = 0; made < length; made += 32) {
    v = hmac(key, v);
    blocks.push(v);
  }
  return {
    state: updateDrbg(concat(key, v), new Uint8Array(0)),
    output: concat(...blocks).subarray(0, length),
  };
}

const personalization = utf8('impuls/1 stream');

const hmacDrbg: Generator = {
  name: 'hmac-drbg',
  id: 2,
  nonceBytes: 16,
  stateBytes: 64,
  instantiate: (start, nonce) => instantiateDrbg(start, nonce, personalization),
  step: (state) => generateDrbg(state, 32),
};

export const generators: Readonly<Record<GeneratorName, Generator>> = { chacha20, 'hmac-drbg': hmacDrbg };

export function generatorById(id: number): Generator | undefined {
  return Object.values(generators).find((generator) => generator.id === id);
}
