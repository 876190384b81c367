import { randomBytes } from 'node:crypto';
import { parseBackup } from '../../client/backup.js';
import { fromBase64url } from '../../core/base64url.js';
import { equalBytes } from '../../core/bytes.js';
import { deriveCard, type Card } from '../../core/card.js';
import { computeTag } from '../../core/claim.js';
import { ImpulsError } from '../../core/errors.js';
import { verifyState } from '../../core/receipt.js';
import { formatCredential, parseCredential, type Credential } from '../../core/wire/credential.js';
import { parseState } from '../../core/wire/state-header.js';

/** A dishonest client: it holds the card's seed, and spends units again that it has spent already. */

export interface Refusal {
  readonly status: number;
  /** What the vendor says, if its MAC holds. */
  readonly verdict: string | undefined;
  /** Whether it names the payment that holds the units. */
  readonly namesHolder: boolean;
}

/**
 * @param backup of the wallet, with the card's seed
 * @param authorization of a payment that was accepted
 * @param url another one, of the same price
 */
export async function spendAgain(
  backup: string,
  units: number,
  authorization: string,
  url: URL,
): Promise<Refusal> {
  const spent = readCredential(authorization);
  const card = findCard(backup, units, spent);
  const { challenge, payload } = spent;
  const claim = { ...payload, nonce: new Uint8Array(randomBytes(16)), proof: card.source.proof(payload.end) };
  const request = { method: 'GET', target: url.href, headers: [], challengeId: challenge.id };
  const tag = computeTag(card.keys.auth, request, claim);
  const response = await fetch(url, {
    headers: { Authorization: formatCredential(challenge, { ...claim, tag, seal: undefined }) },
  });
  await response.arrayBuffer();
  const header = response.headers.get('Impuls-State');
  const state = header === null ? undefined : parseState(header);
  const authentic = state && verifyState(card.keys.state, state, payload.card, tag);
  return {
    status: response.status,
    verdict: authentic ? state.verdict : undefined,
    namesHolder: state?.holder !== undefined && equalBytes(state.holder, payload.tag),
  };
}

function readCredential(authorization: string): Credential {
  const credential = parseCredential(authorization);
  if (!credential) throw new ImpulsError('malformed', 'not a payment');
  return credential;
}

function findCard(backup: string, units: number, { payload }: Credential): Card {
  for (const kept of parseBackup(backup).cards) {
    const card = deriveCard(kept.seed, kept, units);
    if (equalBytes(fromBase64url(card.id), payload.card)) return card;
  }
  throw new ImpulsError('card-unknown', 'the backup does not hold that card');
}
