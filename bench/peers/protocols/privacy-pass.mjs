/**
 * Privacy Pass with publicly verifiable tokens (RFC 9578, blind RSA of 2048 bits): the challenge is the vendor's, the nonce is new, and
 * the signature holds. One token is one unit; a price of many units takes as many tokens, each in a header of its own here.
 */
import { randomBytes, webcrypto } from 'node:crypto';
import {
  AuthenticatorInput,
  AuthorizationHeader,
  TOKEN_TYPES,
  Token,
  publicVerif,
} from '@cloudflare/privacypass-ts';

const type = TOKEN_TYPES.BLIND_RSA;
const { subtle } = webcrypto;

async function openIssuer() {
  const { PSS } = publicVerif.BlindRSAMode;
  const algorithm = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const { privateKey, publicKey } = await publicVerif.Issuer.generateKey(PSS, algorithm);
  const issuer = new publicVerif.Issuer(PSS, 'issuer.example', privateKey, publicKey);
  const origin = new publicVerif.Origin(PSS, ['news.example']);
  const challenge = origin.createTokenChallenge('issuer.example', new Uint8Array(0));
  const digest = new Uint8Array(await subtle.digest('SHA-256', challenge.serialize()));
  return { privateKey, publicKey, origin, digest, keyId: await issuer.tokenKeyID() };
}

/** A token as a client has it once it has unblinded the issuer's signature, which is then an ordinary one of RSA-PSS. */
async function makeToken({ privateKey, digest, keyId }) {
  const input = new AuthenticatorInput(type, type.value, randomBytes(32), digest, keyId);
  const signature = await subtle.sign({ name: 'RSA-PSS', saltLength: 48 }, privateKey, input.serialize());
  return new AuthorizationHeader(new Token(type, input, new Uint8Array(signature))).toString();
}

export function openPrivacyPass() {
  return {
    async prepare(count, amount) {
      const issuer = await openIssuer();
      const items = [];
      for (let at = 0; at < count; at++) {
        const tokens = [];
        for (let unit = 0; unit < amount; unit++) tokens.push(await makeToken(issuer));
        items.push(amount === 1 ? tokens[0] : tokens);
      }
      return { items, start: () => startOrigin(issuer) };
    },
  };
}

function startOrigin({ origin, publicKey, digest, keyId }) {
  const spent = new Set();
  const redeem = async (value) => {
    const [{ token }] = AuthorizationHeader.parse(type, value);
    const { nonce, challengeDigest, tokenKeyId } = token.authInput;
    const name = Buffer.from(nonce).toString('base64');
    if (spent.has(name) || !digest.every((byte, at) => byte === challengeDigest[at])) return false;
    if (!keyId.every((byte, at) => byte === tokenKeyId[at])) return false;
    if (!(await origin.verify(token, publicKey))) return false;
    spent.add(name);
    return true;
  };
  return async (values) => {
    if (typeof values === 'string') return redeem(values);
    for (const value of values) if (!(await redeem(value))) return false;
    return true;
  };
}
