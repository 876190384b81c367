/**
 * Cashu: proofs in an `X-Cashu` header (NUT-24), taken by a vendor that is his own mint: the point is checked with the mint's private
 * key, and the secret must be new. A vendor who is not has to swap the proofs at a mint besides, over the network.
 */
import { randomBytes } from 'node:crypto';
import {
  createNewMintKeys,
  getDecodedToken,
  getEncodedToken,
  hashToCurve,
  pointFromHex,
  verifyUnblindedSignature,
} from '@cashu/cashu-ts';

const mint = 'https://mint.example';
const utf8 = new TextEncoder();
const { keysetId, privKeys } = createNewMintKeys(13, randomBytes(32));
const keys = new Map(Object.entries(privKeys).map(([amount, key]) => [Number(amount), key]));
const scalars = new Map(
  [...keys].map(([amount, key]) => [amount, BigInt(`0x${Buffer.from(key).toString('hex')}`)]),
);

/** A proof as a wallet has it once it has unblinded the mint's signature. */
function makeProof(amount) {
  const secret = randomBytes(32).toString('hex');
  const C = hashToCurve(utf8.encode(secret)).multiply(scalars.get(amount)).toHex(true);
  return { id: keysetId, amount, secret, C };
}

/** An amount is a proof for each bit of it. */
const bitsOf = (amount) =>
  Array.from({ length: 13 }, (_, bit) => amount & (1 << bit)).filter((one) => one > 0);

export function openCashu() {
  return {
    async prepare(count, amount) {
      const items = Array.from({ length: count }, () =>
        getEncodedToken({ mint, unit: 'sat', proofs: bitsOf(amount).map(makeProof) }),
      );
      return { items, start: () => startMint(amount) };
    },
  };
}

function startMint(price) {
  const spent = new Set();
  return (value) => {
    const { proofs } = getDecodedToken(value, [keysetId]);
    let paid = 0;
    for (const { id, amount, secret, C } of proofs) {
      const key = keys.get(Number(amount));
      if (id !== keysetId || !key || spent.has(secret)) return false;
      if (!verifyUnblindedSignature({ C: pointFromHex(C), secret: utf8.encode(secret), id }, key))
        return false;
      paid += Number(amount);
    }
    if (paid < price) return false;
    for (const { secret } of proofs) spent.add(secret);
    return true;
  };
}
