import * as crypto from 'node:crypto';
import { activationKeyId, fromBase64url, generateEnvelopeKey, issuingKeyId, toBase64url } from 'impuls';

/** The keys of a vendor who keeps them in a way of his own: all that is needed is in the public interface. */

const padding = crypto.constants.RSA_NO_PADDING;
const day = 86_400;

function createSigner() {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 3072 });
  const n = fromBase64url(publicKey.export({ format: 'jwk' }).n);
  return {
    n,
    id: issuingKeyId(n),
    blindSign: (blinded) => new Uint8Array(crypto.privateDecrypt({ key: privateKey, padding }, blinded)),
  };
}

export async function createKeys(origin, denomination) {
  const signer = createSigner();
  const activation = await generateEnvelopeKey((length) => crypto.randomBytes(length));
  const activationId = activationKeyId(activation.publicKey);
  const statement = crypto.generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const today = Math.floor(Date.now() / 1000 / day) * day;
  const document = {
    version: 1,
    origin,
    name: 'Example News',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    activation: { id: activationId, key: toBase64url(activation.publicKey) },
    statement: { key: statement.x },
    cards: [
      {
        id: signer.id,
        n: toBase64url(signer.n),
        denomination,
        epoch: 'first',
        notBefore: today,
        notAfter: today + 90 * day,
        expires: today + 365 * day,
      },
    ],
    endpoints: {
      activate: '/impuls/activate',
      issue: '/impuls/issue',
      order: '/impuls/order',
      state: '/impuls/state',
      statement: '/impuls/statement',
    },
    policy: { grace: 30 * day, retention: 40 * day },
    previous: [],
  };
  const keys = {
    issuing: [signer],
    activation: new Map([[activationId, activation.secretKey]]),
    statement: fromBase64url(statement.d),
    challenge: crypto.randomBytes(32),
    voucher: crypto.randomBytes(32),
  };
  return { document, keys };
}
