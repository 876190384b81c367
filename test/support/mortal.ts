import { expect } from 'vitest';
import { createMemoryStorage, type WalletStorage } from '../../src/client/index.js';
import { toBase64url } from '../../src/core/base64url.js';
import { parseCredential } from '../../src/core/wire/index.js';
import type { Network } from '../client-fixture.js';

/** A disk that takes its time. */
export function createSlowStorage(inner: WalletStorage): WalletStorage {
  return {
    ...inner,
    async write(changes) {
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      await inner.write(changes);
    },
  };
}

/** Nothing that costs leaves the wallet before it is durable, and nothing that was freed leaves it again. */
export function checkDurable(records: ReadonlyMap<string, string>, request: Request): void {
  const credential = parseCredential(request.headers.get('Authorization') ?? '');
  if (credential) {
    const tag = toBase64url(credential.payload.tag);
    expect([...records.keys()].filter((key) => key === `claim:${tag}` || key === `kept:${tag}`)).toHaveLength(
      1,
    );
  }
  const { pathname } = new URL(request.url);
  if (pathname === '/impuls/issue') {
    expect([...records.keys()].filter((key) => key.startsWith('order:'))).toHaveLength(1);
  }
}

export class Killed extends Error {}

/** A process that is killed before or after its n-th operation on the disk or the network, and does nothing from then on. */
export class Mortal {
  #left: number;
  dead = false;

  constructor(operations: number) {
    this.#left = operations;
  }

  /** Now, at the latest. */
  kill(): void {
    this.dead = true;
  }

  async run<T>(operation: () => Promise<T>): Promise<T> {
    this.#step();
    const result = await operation();
    this.#step();
    return result;
  }

  #step(): void {
    if (this.dead || this.#left-- <= 0) {
      this.dead = true;
      throw new Killed('killed');
    }
  }

  storage(records: Map<string, string>): WalletStorage {
    const disk = createMemoryStorage(records);
    // What the disk has not begun with when the process dies never gets there.
    const inner = createSlowStorage({
      ...disk,
      write: async (changes) => {
        if (!this.dead) await disk.write(changes);
      },
    });
    return { ...inner, write: (changes) => this.run(() => inner.write(changes)) };
  }

  network(records: ReadonlyMap<string, string>): Network {
    return (request, deliver) =>
      this.run(() => {
        checkDurable(records, request);
        return deliver();
      });
  }
}
