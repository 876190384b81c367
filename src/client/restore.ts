import type { CardId } from '../core/card.js';
import { isImpulsError } from '../core/errors.js';
import { parseBackup, type BackupCard } from './backup.js';
import type { CreditRecord } from './credit-record.js';
import { checkOrigin } from './environment.js';
import { activate, askOrder, checkRestored, rested, showsAtOnce } from './issuing.js';
import type { Parts } from './parts.js';
import { orderName } from './records.js';
import type { RestoreOptions } from './wallet.js';

/**
 * Adds what a backup holds and the wallet does not, and asks the vendors for the state of the cards. A vendor that does not answer
 * then, or is not to be shown all cards at once, is asked before the first payment. A card whose key is gone from the vendor's
 * document is left out.
 *
 * @returns the cards added
 * @throws ImpulsError `malformed`, `unsupported`, `bad-document`, `bad-signature`, `network`
 */
export async function restoreBackup(
  parts: Parts,
  text: string,
  { onProgress: report = () => {}, onSkipped = () => {} }: RestoreOptions = {},
): Promise<CardId[]> {
  const { journal, vendors, circuits } = parts;
  const backup = parseBackup(text);
  const documents = new Map<string, string | undefined>();
  for (const { vendor } of [...backup.orders, ...backup.credits]) {
    documents.set(checkOrigin(vendor), undefined);
  }
  for (const { vendor, document } of backup.cards) documents.set(checkOrigin(vendor), document);
  for (const [origin, digest] of documents) {
    report({ step: 'document', done: 0, total: documents.size });
    await vendors.refresh(circuits.look(), origin, digest);
  }
  const isNamed = ({ vendor, key }: BackupCard): boolean =>
    vendors.pinned(vendor).document.cards.some(({ id }) => id === key);
  for (const card of backup.cards) {
    if (!isNamed(card)) onSkipped({ vendor: card.vendor, key: card.key });
  }
  const added = backup.cards
    .filter(isNamed)
    .map((card) => checkRestored(vendors.pinned(card.vendor).document, card))
    .filter(([id]) => !journal.card(id))
    .map(([id, card]) => [id, rested(parts, card)] as const);
  await journal.addRestored(added);
  for (const order of backup.orders) {
    const name = orderName(order.vendor, order.code);
    if (!journal.order(name)) await journal.putOrder(name, order);
  }
  for (const credit of backup.credits) await restoreCredit(parts, credit);
  if (!showsAtOnce(parts)) return added.map(([id]) => id);
  for (const [done, [id]] of added.entries()) {
    report({ step: 'activate', done, total: added.length });
    try {
      await activate(parts, journal.card(id)!);
    } catch (error) {
      if (!isImpulsError(error)) throw error;
      parts.log(`a restored card could not be activated: ${error.message}`);
    }
  }
  return added.map(([id]) => id);
}

/** How far it has come since the backup the vendor says. What was ordered since is in the wallet that did. */
async function restoreCredit(parts: Parts, credit: CreditRecord): Promise<void> {
  const { journal, circuits, log } = parts;
  const { vendor, code, purpose } = credit;
  const name = orderName(vendor, code);
  if (journal.credit(name) || journal.order(name)) return;
  try {
    const found = await askOrder(parts, circuits.sale(name), vendor, code);
    if (found.served || found.credit?.purpose !== purpose) return;
    await journal.putCredit(name, { ...credit, paid: found.credit.units });
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    if (!isImpulsError(error, 'order-unknown') || credit.paid > 0) {
      log(`an exchange or a refund of the backup could not be asked for: ${error.message}`);
    }
    await journal.putCredit(name, credit);
  }
}
