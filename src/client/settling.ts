import { readyClaim } from './claims.js';
import { runErrand, type Result } from './errand.js';
import { replayInit } from './outgoing.js';
import type { Parts } from './parts.js';
import { discard } from './reply-body.js';

/** Sending a claim of the journal again. */

export interface Retry {
  readonly attempts: number;
  readonly baseDelayMs: number;
}

/**
 * Sends a journaled claim until its outcome is known; waits instead while another call is at work on it.
 *
 * @returns undefined if it was closed by that other call
 * @throws ImpulsError `unsettled`
 */
export async function settleClaim(parts: Parts, tag: string, retry: Retry): Promise<Result | undefined> {
  const { journal } = parts;
  while (journal.isActive(tag)) await journal.nextChange();
  const record = journal.claim(tag);
  if (!record || !journal.begin(tag)) return undefined;
  let claim;
  const card = journal.card(record.card)!;
  try {
    claim = readyClaim(journal.secrets(card), card.record.protocol, record);
  } catch (error) {
    journal.end(tag);
    throw error;
  }
  const result = await runErrand(parts, {
    card,
    record,
    claim,
    stage: 'open',
    send: (authorization) => parts.circuits.card(record.card)(record.url, replayInit(record, authorization)),
    ...retry,
  });
  discard(result.response);
  return result;
}
