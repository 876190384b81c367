import { useRef, useState } from 'preact/hooks';
import { formatUnits, plural } from '../../common/money.js';
import { explain, type Problem } from '../../common/problems.js';
import { notBackedUp } from '../backup-state.js';
import type { Snapshot, Store } from '../store.js';
import { ProblemNotice } from './notices.js';

/** Takes all cards out of this browser, as before it is given away. */
export function Remove({ store, snapshot }: { readonly store: Store; readonly snapshot: Snapshot }) {
  const { cards, unsaved } = snapshot;
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<Problem>();
  const left = cards.reduce((sum, card) => sum + card.left, 0);

  async function remove(): Promise<void> {
    dialog.current?.close();
    setProblem(undefined);
    try {
      for (const { id } of store.wallet.cards()) await store.wallet.forget(id);
    } catch (error) {
      setProblem(explain(error));
    }
  }

  return (
    <section class="sheet" aria-labelledby="remove-title">
      <h2 id="remove-title">Remove from this browser</h2>
      <p>Takes {plural(cards.length, 'card')} out of this browser. Only a backup brings them back.</p>
      <div class="row">
        <button type="button" class="danger" onClick={() => dialog.current?.showModal()}>
          Remove all cards
        </button>
      </div>
      {problem && <ProblemNotice problem={problem} />}
      <dialog ref={dialog} aria-labelledby="sure-title">
        <h2 id="sure-title">Remove {formatUnits(left)}?</h2>
        <p>
          {unsaved.length > 0
            ? `${notBackedUp(unsaved.length)}: that money is lost.`
            : 'All cards with something left are in a backup.'}
        </p>
        <div class="row">
          <button type="button" autoFocus onClick={() => dialog.current?.close()}>
            Keep them
          </button>
          <button type="button" class="danger" onClick={() => void remove()}>
            Remove
          </button>
        </div>
      </dialog>
    </section>
  );
}
