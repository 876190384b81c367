import { toBase64url } from '../core/base64url.js';
import { computeTag } from '../core/claim.js';
import { ImpulsError } from '../core/errors.js';
import { formatCredential, parseCredential } from '../core/wire/credential.js';
import { decodeRequest } from '../core/wire/request.js';
import { partsOf } from './parts.js';
import type { Wallet } from './wallet.js';

/**
 * Another claim to the units of one that was made, for the same request, as a copy of the wallet would make it. It is for
 * checks of vendors, which must not take it; the wallet keeps nothing of it.
 *
 * @param sent the request of a claim that is settled
 * @returns what `Authorization` says, secret like any claim
 * @throws ImpulsError `invalid-argument` if that is no claim of a card of the wallet
 */
export function rivalClaim(
  wallet: Wallet,
  sent: { readonly method: string; readonly url: string; readonly headers: Headers },
): string {
  const { journal, random } = partsOf(wallet);
  const credential = parseCredential(sent.headers.get('Authorization') ?? '');
  const card = credential && journal.card(toBase64url(credential.payload.card));
  if (!card) throw new ImpulsError('invalid-argument', 'not a claim of a card of this wallet');
  const { challenge, payload } = credential;
  const { headers = [] } = decodeRequest(challenge.request).methodDetails;
  const claim = { ...payload, nonce: random(16) };
  const request = {
    method: sent.method,
    target: sent.url,
    headers: headers.map((name) => [name, sent.headers.get(name) ?? ''] as const),
    digest: payload.digest,
    challengeId: challenge.id,
    seal: payload.seal,
  };
  const tag = computeTag(journal.secrets(card).keys.auth, request, claim);
  return formatCredential(challenge, { ...claim, tag });
}
