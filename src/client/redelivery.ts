import { readyClaim } from './claims.js';
import { orAborted } from './environment.js';
import { runErrand, type Errand, type Result } from './errand.js';
import { redeliveryInit, type Outgoing } from './outgoing.js';
import type { Parts } from './parts.js';
import type { ClaimRecord } from './records.js';
import type { Retry } from './settling.js';

/**
 * What is due at a URL: the answer to a claim for it that is settled and whose delivery was never confirmed, or else the outcome of one
 * that is open. Either is sent again as it is, and nothing new is claimed.
 *
 * @param tell told of a claim that was settled only now
 * @returns undefined if nothing is due
 * @throws ImpulsError `unsettled`, `network`; the signal's reason
 */
export async function redeliver(
  parts: Parts,
  outgoing: Outgoing,
  retry: Retry,
  tell: (result: Result) => void,
): Promise<Result | undefined> {
  const { journal } = parts;
  const url = outgoing.url.href;
  for (;;) {
    const kept = journal.keptAt(url);
    if (kept) return sendAgain(parts, outgoing, kept, 'settled', retry);
    const open = journal.openAt(url);
    if (!open) return undefined;
    const [tag] = open;
    if (journal.begin(tag)) {
      const result = await sendAgain(parts, outgoing, open, 'open', retry);
      tell(result);
      return result;
    }
    await orAborted(journal.nextChange(), outgoing.signal);
  }
}

async function sendAgain(
  parts: Parts,
  outgoing: Outgoing,
  [tag, record]: readonly [tag: string, record: ClaimRecord],
  stage: Errand['stage'],
  retry: Retry,
): Promise<Result> {
  const { journal } = parts;
  const card = journal.card(record.card)!;
  let claim;
  try {
    if (stage === 'open') await journal.keep(tag);
    claim = readyClaim(journal.secrets(card), card.record.protocol, record);
  } catch (error) {
    journal.end(tag);
    throw error;
  }
  return runErrand(parts, {
    card,
    record,
    claim,
    stage,
    send: (authorization) =>
      parts.circuits.card(record.card)(record.url, redeliveryInit(outgoing, record, authorization)),
    ...retry,
    signal: outgoing.signal,
  });
}
