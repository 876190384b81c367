import { DurableObject } from 'cloudflare:workers';
import { createDurableObjectLedger, createLedgerClass } from '../../src/adapters/durable-object/index.js';
import type { ObjectNamespace } from '../../src/adapters/durable-object/platform.js';
import { cardOf, officeOf } from '../../src/adapters/durable-object/protocol.js';
import type { LedgerObject } from '../../src/adapters/durable-object/object.js';
import type { Ledger } from '../../src/server/index.js';
import { ledgerCases, type LedgerHarness } from '../../src/testing/index.js';
import { crashCases, type Fault } from './crashes.js';

/** The contract of a ledger, kept by Durable Objects; each case is run by a request that names it. */

const Objects = createLedgerClass(DurableObject, 'LEDGER');

/** Where the next object dies that is asked for something: before it does it, or when it is durable and before it answers. */
let fault: Fault | undefined;

interface Context {
  readonly storage: { sync(): Promise<void> };
  abort(reason: string): void;
}

export class TestLedger extends Objects {
  override async ask(...[role, message, values]: Parameters<LedgerObject['ask']>): Promise<unknown> {
    const { message: fatal, when } = fault ?? {};
    if (fatal !== `${role} ${message}`) return super.ask(role, message, values);
    fault = undefined;
    if (when === 'after') await super.ask(role, message, values);
    await this.#context.storage.sync();
    this.#context.abort('killed');
    return undefined;
  }

  get #context(): Context {
    return (this as unknown as { readonly ctx: Context }).ctx;
  }

  /** Takes the object out of memory, in the middle of whatever it does. */
  die(): void {
    this.#context.abort('taken out of memory');
  }
}

interface Env {
  readonly LEDGER: ObjectNamespace;
}

let made = 0;

/** Every other time that a ledger is opened again all of its objects have left memory. */
function harnessOf({ LEDGER }: Env): LedgerHarness {
  const names = new WeakMap<Ledger, string>();
  let reopened = 0;
  const cards = new Map<string, Set<string>>();

  function openNamed(name: string): Ledger {
    const ledger = createDurableObjectLedger(LEDGER, { name });
    const opened = cards.get(name) ?? new Set<string>();
    cards.set(name, opened);
    let credits: Promise<unknown> = Promise.resolve();
    const watched: Ledger = {
      ...ledger,
      openCard(entry, state, at) {
        opened.add(entry.id);
        return ledger.openCard(entry, state, at);
      },
      // Cases that credit one order from many cards say in which order: here these would not wait for each other.
      credit(...values) {
        const turn = credits.then(() => ledger.credit(...values));
        credits = turn.catch(() => {});
        return turn;
      },
    };
    names.set(watched, name);
    return watched;
  }

  async function evict(name: string): Promise<void> {
    const objects = [officeOf(name), ...[...cards.get(name)!].map((id) => cardOf(name, id))];
    await Promise.allSettled(
      objects.map(async (object) => (LEDGER.get(LEDGER.idFromName(object) as never) as TestLedger).die()),
    );
  }

  return {
    capabilities: ['restart'],
    open: async () => openNamed(`ledger ${++made}`),
    async reopen(ledger) {
      const name = names.get(ledger)!;
      await ledger.close();
      if (++reopened % 2 === 1) await evict(name);
      return openNamed(name);
    },
  };
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const kill = (next: Fault) => {
      fault = next;
    };
    const found = [...ledgerCases(), ...crashCases].find(({ name }) => name === searchParams.get('case'));
    try {
      await found!.run({ ...harnessOf(env), kill });
      return new Response('');
    } catch (error) {
      const { message, stack, cause } = error as Error;
      return new Response(`${message}\n${stack ?? ''}\n${cause instanceof Error ? (cause.stack ?? '') : ''}`);
    }
  },
};
