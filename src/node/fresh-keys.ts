import { generateEnvelopeKey } from '../core/envelope.js';
import { createRsaSigner, generateIssuingKey } from './rsa.js';
import { activationKeyOf, statementKeyOf, type Published, type VendorSecrets } from './vendor/files.js';

/**
 * Secrets for keys that are to be published. One that is there and was never published was left by a rotation that was
 * interrupted: it is taken before a new one is made. Each function gives all secrets of its kind, and what is public of the new.
 */
export interface Fresh<S, P> {
  readonly secrets: readonly S[];
  readonly fresh: P;
}

/**
 * Issuing keys; those that have ended are left out of the secrets.
 *
 * @param now Unix seconds
 * @returns the moduli, 384 bytes each
 */
export function freshIssuing(
  { issuing }: VendorSecrets,
  { document }: Published,
  now: number,
  count: number,
  onProgress: (done: number, total: number) => void,
): Fresh<string, readonly Uint8Array[]> {
  const entries = new Map(document.cards.map((key) => [key.id, key]));
  const kept = issuing
    .map((pem) => ({ pem, ...createRsaSigner(pem) }))
    .filter(({ id }) => now < (entries.get(id)?.notAfter ?? Infinity));
  const fresh = kept.filter(({ id }) => !entries.has(id)).slice(0, count);
  const made: { readonly pem: string; readonly n: Uint8Array }[] = [];
  while (fresh.length + made.length < count) {
    onProgress(fresh.length + made.length, count);
    made.push(generateIssuingKey());
  }
  onProgress(count, count);
  return {
    secrets: [...kept, ...made].map(({ pem }) => pem),
    fresh: [...fresh, ...made].map(({ n }) => n),
  };
}

export async function freshActivation(
  { activation }: VendorSecrets,
  { document, retired }: Published,
  random: (length: number) => Uint8Array,
): Promise<Fresh<Uint8Array, ReturnType<typeof activationKeyOf>>> {
  const known = new Set([document.activation.id, ...retired.map(({ id }) => id)]);
  const ready = activation.find((secret) => !known.has(activationKeyOf(secret).id));
  const secret = ready ?? (await generateEnvelopeKey(random)).secretKey;
  return { secrets: ready ? activation : [...activation, secret], fresh: activationKeyOf(secret) };
}

export function freshStatement(
  { statement }: VendorSecrets,
  { document }: Published,
  random: (length: number) => Uint8Array,
): Fresh<Uint8Array, string> {
  const { key, earlier = [] } = document.statement;
  const known = new Set([key, ...earlier.map((entry) => entry.key)]);
  const ready = statement.find((secret) => !known.has(statementKeyOf(secret)));
  const secret = ready ?? random(32);
  return { secrets: ready ? statement : [...statement, secret], fresh: statementKeyOf(secret) };
}
