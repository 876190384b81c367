import type { CardSummary, Payment, Wallet } from 'impuls/client';
import { useEffect, useState } from 'preact/hooks';
import { markBackedUp, readBackedUp, unsaved } from './backup-state.js';

/** What the views show of the wallet. */
export interface Snapshot {
  readonly cards: readonly CardSummary[];
  /** Newest first. */
  readonly history: readonly Payment[];
  /** Cards that are in no backup. */
  readonly unsaved: readonly CardSummary[];
}

export interface Store {
  readonly wallet: Wallet;
  snapshot(): Snapshot;
  /** A backup of these cards exists. */
  saved(ids: Iterable<string>): void;
  /** @returns what stops it */
  subscribe(listener: () => void): () => void;
}

export function createStore(wallet: Wallet): Store {
  const listeners = new Set<() => void>();
  const read = (): Snapshot => {
    const cards = wallet.cards();
    return { cards, history: wallet.history(), unsaved: unsaved(cards, readBackedUp()) };
  };
  let current = read();
  const changed = (): void => {
    current = read();
    for (const listener of listeners) listener();
  };
  wallet.onChange(changed);
  addEventListener('storage', changed);
  return {
    wallet,
    snapshot: () => current,
    saved(ids) {
      markBackedUp(wallet.cards(), ids);
      changed();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useSnapshot(store: Store): Snapshot {
  const [snapshot, setSnapshot] = useState(() => store.snapshot());
  useEffect(() => {
    const update = (): void => setSnapshot(store.snapshot());
    update();
    return store.subscribe(update);
  }, [store]);
  return snapshot;
}
