/**
 * L402: a macaroon of the vendor's with two caveats, and the preimage of the invoice that was paid. The invoice and its payment over
 * Lightning are left out. Nothing is spent: who shows the token again is let in again.
 */
import { createHash, randomBytes } from 'node:crypto';
import macaroons from 'macaroon';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const caveats = ['services=articles:0', 'articles_valid_until=2082758400'];
const now = 1_800_000_000;

function makeToken(roots) {
  const [preimage, tokenId, root] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  roots.set(tokenId.toString('hex'), root);
  // Version, hash of the payment, id of the token.
  const identifier = Buffer.concat([Buffer.alloc(2), sha256(preimage), tokenId]);
  const macaroon = macaroons.newMacaroon({ identifier, location: 'news.example', rootKey: root, version: 2 });
  for (const caveat of caveats) macaroon.addFirstPartyCaveat(caveat);
  return `L402 ${Buffer.from(macaroon.exportBinary()).toString('base64')}:${preimage.toString('hex')}`;
}

export function openL402() {
  return {
    async prepare(count) {
      const roots = new Map();
      const items = Array.from({ length: count }, () => makeToken(roots));
      return { items, start: () => (value) => accepts(roots, value) };
    },
  };
}

function accepts(roots, value) {
  const [, encoded, preimage] = /^L402 ([A-Za-z0-9+/=]+):([0-9a-f]{64})$/.exec(value) ?? [];
  if (!encoded) return false;
  const macaroon = macaroons.importMacaroon(macaroons.base64ToBytes(encoded));
  const identifier = Buffer.from(macaroon.identifier);
  const root = roots.get(identifier.subarray(34).toString('hex'));
  if (!root || !sha256(Buffer.from(preimage, 'hex')).equals(identifier.subarray(2, 34))) return false;
  macaroon.verify(root, checkCaveat, []);
  return true;
}

/** @returns null where the caveat holds, else what is wrong, as the package wants it */
function checkCaveat(caveat) {
  const [name, value] = caveat.split('=');
  if (name === 'services') return value.split(',').includes('articles:0') ? null : 'another service';
  if (name === 'articles_valid_until') return Number(value) > now ? null : 'expired';
  return 'unknown caveat';
}
