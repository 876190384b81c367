import { createCalls } from './calls.js';
import { createCard } from './card.js';
import { createOffice } from './office.js';
import { Store, type ObjectBase, type ObjectNamespace } from './platform.js';
import { cardOf, officeOf, type CardMessages, type OfficeMessages, type Role } from './protocol.js';

export interface LedgerClassOptions {
  /** Seconds for which a handler may be at work; a claim that is still pending then was interrupted. Default 900. */
  readonly handlerSeconds?: number;
  /** Seconds after which a card brings to the books what moved, unless they are asked for before. Default 60. */
  readonly reportSeconds?: number;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

/** An object of a ledger: a card, or the office. */
export interface LedgerObject {
  /** Does what a ledger, or another object of it, asks for. Not for others. */
  ask(role: Role, message: string, values: readonly unknown[]): Promise<unknown>;
  alarm(): Promise<void>;
}

/**
 * The class of Durable Objects that a ledger is made of, to be exported by the worker, with SQLite storage:
 *
 *   export const Ledger = createLedgerClass(DurableObject, 'LEDGER');
 *
 * @param base `DurableObject` of `cloudflare:workers`
 * @param binding the name in `env` under which the worker has this class
 */
export function createLedgerClass(
  base: ObjectBase,
  binding: string,
  { handlerSeconds = 900, reportSeconds = 60, clock = Date.now }: LedgerClassOptions = {},
): new (context: never, env: never) => LedgerObject {
  return class extends base implements LedgerObject {
    readonly #store: Store;
    readonly #namespace: ObjectNamespace;
    #card: (CardMessages & { wake(): Promise<void> }) | undefined;
    #office: OfficeMessages | undefined;

    constructor(context: never, env: never) {
      super(context, env);
      this.#store = new Store(context);
      this.#namespace = env[binding];
    }

    async ask(role: Role, message: string, values: readonly unknown[]): Promise<unknown> {
      const target = (role === 'card' ? this.#asCard() : this.#asOffice()) as unknown as Readonly<
        Record<string, (...values: readonly unknown[]) => Promise<unknown>>
      >;
      return target[message]!(...values);
    }

    async alarm(): Promise<void> {
      if (this.#store.has('card')) await this.#asCard().wake();
    }

    #asCard(): CardMessages & { wake(): Promise<void> } {
      return (this.#card ??= createCard(
        this.#store,
        (ledger) => createCalls(this.#namespace, 'office', officeOf(ledger)),
        { clock, handlerSeconds, reportSeconds },
      ));
    }

    #asOffice(): OfficeMessages {
      return (this.#office ??= createOffice(this.#store, (ledger, id) =>
        createCalls(this.#namespace, 'card', cardOf(ledger, id)),
      ));
    }
  };
}
