import { toBase64url } from '../../core/base64url.js';
import type { CardId } from '../../core/card.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { keyQuarantined } from '../../server/ledger-memory.js';
import type { CardEntry, Ledger, StoredCard } from '../../server/ledger.js';
import { createCalls } from './calls.js';
import type { ObjectNamespace } from './platform.js';
import { cardOf, officeOf, type CardMessages, type Errand } from './protocol.js';

export interface DurableObjectLedgerOptions {
  /** Tells the ledgers of one binding apart. Default `impuls`. */
  readonly name?: string;
  /** Keeps the worker alive for what nobody waits for: `waitUntil` of `cloudflare:workers`. Default: nothing does. */
  readonly waitUntil?: (work: Promise<unknown>) => void;
}

/** How many cards a worker knows by name: those whose entries keep their identity, and whose claims it ends when it closes. */
const maxCards = 10_000;

/**
 * A ledger on Durable Objects: an object for each card, and one for all else. Any number of workers may use it at once.
 *
 * @param namespace the binding of the class that `createLedgerClass` made
 */
export function createDurableObjectLedger(
  namespace: ObjectNamespace,
  { name = 'impuls', waitUntil = () => {} }: DurableObjectLedgerOptions = {},
): Ledger {
  const entries = new Map<CardId, CardEntry>();
  const touched = new Set<CardId>();
  const session = toBase64url(crypto.getRandomValues(new Uint8Array(9)));
  const running = new Set<Promise<unknown>>();
  const office = createCalls(namespace, 'office', officeOf(name));
  const card = (id: CardId): CardMessages => createCalls(namespace, 'card', cardOf(name, id));
  let closed = false;

  /** Every answer of an object comes by here. */
  async function ask<T>(work: () => Promise<T>): Promise<T> {
    if (closed) throw new ImpulsError('storage-failed', 'the ledger is closed');
    const answer = work();
    running.add(answer);
    try {
      return await answer;
    } catch (cause) {
      if (isImpulsError(cause)) throw cause;
      const hint = 'Nothing is lost: what was asked for has happened or not, and asking again tells.';
      throw new ImpulsError('storage-failed', 'an object of the ledger does not answer', { hint, cause });
    } finally {
      running.delete(answer);
    }
  }

  /** The card with the entry that was given out before. */
  function known(stored: StoredCard): StoredCard {
    const { id } = stored.entry;
    const entry = entries.get(id) ?? stored.entry;
    keep(entries, id, () => entries.set(id, entry));
    return { ...stored, entry };
  }

  async function visit(errand: Errand): Promise<void> {
    let after: string | undefined = '';
    while (after !== undefined) after = await office.visit(name, errand, after);
  }

  const gathered = async <T>(read: () => Promise<T>): Promise<T> => {
    await visit({ name: 'gather' });
    return read();
  };

  return {
    async openCard(entry, state, at) {
      const opened = await ask(() => card(entry.id).open(name, entry, state, at));
      if (opened === 'quarantined') throw keyQuarantined();
      return known(opened);
    },
    async readCard(id) {
      const stored = await ask(() => card(id).read());
      return stored && known(stored);
    },
    accept: (id, version, next, claim) => {
      keep(touched, id, () => touched.add(id));
      return ask(() => card(id).accept(version, next, claim, session));
    },
    credit: (id, version, next, claim, to) => ask(() => card(id).credit(version, next, claim, to)),
    settle: (id, tag, reply) => {
      const settled = ask(() => card(id).settle(tag, reply));
      waitUntil(settled.catch(() => {}));
      return settled;
    },
    giveBack: (id, version, next, tag, kept) => ask(() => card(id).giveBack(version, next, tag, kept)),
    findClaim: (id, tag) => ask(() => card(id).findClaim(tag)),
    findIdempotent: (id, key) => ask(() => card(id).findIdempotent(key)),
    findHolder: (id, from, end) => ask(() => card(id).findHolder(from, end)),

    createOrders: (orders, at) => ask(() => office.createOrders(orders, at)),
    readOrder: (id) => ask(() => office.readOrder(id)),
    serveOrder: (...values) => ask(() => office.serveOrder(...values)),
    changeOrders: (...values) => ask(() => office.changeOrders(...values)),
    readRefunds: () => ask(() => office.readRefunds()),
    payRefund: (order, at) => ask(() => office.payRefund(order, at)),
    createBatch: (terms) => ask(() => office.createBatch(terms)),
    addCodes: (...values) => ask(() => office.addCodes(...values)),
    changeCodes: (...values) => ask(() => office.changeCodes(...values)),
    readBatches: () => ask(() => office.readBatches()),
    readCodes: (...values) => ask(() => office.readCodes(...values)),

    quarantine: (keys) =>
      ask(async () => {
        await office.isolate(keys);
        await visit({ name: 'hold' });
      }),
    quarantined: () => ask(() => office.quarantined()),
    liftQuarantine: () =>
      ask(async () => {
        await office.endIsolation();
        await visit({ name: 'hold' });
      }),

    readBooks: () => ask(() => gathered(() => office.readBooks())),
    totals: () => ask(() => gathered(() => office.totals())),
    purge: (keysBefore, claimsBefore) => ask(() => visit({ name: 'purge', keysBefore, claimsBefore })),

    async close() {
      if (closed) return;
      closed = true;
      await Promise.allSettled(running);
      await Promise.all([...touched].map((id) => card(id).interrupt(session)));
    },
  };
}

/** Adds a name as the newest; the oldest is forgotten. */
function keep(names: Map<string, unknown> | Set<string>, name: string, add: () => void): void {
  names.delete(name);
  add();
  if (names.size > maxCards) names.delete(names.keys().next().value!);
}
