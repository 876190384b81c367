import { useState } from 'preact/hooks';
import { explain, type Problem } from '../../common/problems.js';
import { notBackedUp } from '../backup-state.js';
import { splitBackup } from '../qr-parts.js';
import type { Snapshot, Store } from '../store.js';
import { BackupCodes } from './backup-codes.js';
import { ProblemNotice } from './notices.js';
import { Remove } from './remove.js';
import { Restore } from './restore.js';

/** A copy of the cards outside this browser, and the way back. */
export function Backup({ store, snapshot }: { readonly store: Store; readonly snapshot: Snapshot }) {
  const { cards, unsaved } = snapshot;
  const [said, setSaid] = useState('');
  const [codes, setCodes] = useState<readonly string[]>();
  const [problem, setProblem] = useState<Problem>();

  /** @returns the backup, and the cards that are in it */
  async function make(): Promise<{ readonly text: string; readonly ids: string[] }> {
    // Cards that come in between are in the text, but not on the list: they are asked for again.
    const ids = store.wallet.cards().map(({ id }) => id);
    return { text: await store.wallet.backup(), ids };
  }

  async function save(): Promise<void> {
    setProblem(undefined);
    try {
      const { text, ids } = await make();
      download(text, `impuls-${location.hostname}-${new Date().toISOString().slice(0, 10)}.backup`);
      store.saved(ids);
      setSaid('The backup is among your downloads. Move it to where only you find it.');
    } catch (error) {
      setProblem(explain(error));
    }
  }

  async function show(): Promise<void> {
    setProblem(undefined);
    setSaid('');
    try {
      setCodes(await splitBackup((await make()).text));
    } catch (error) {
      setProblem(explain(error));
    }
  }

  return (
    <>
      <section class="sheet" aria-labelledby="save-title">
        <h2 id="save-title">Back up</h2>
        {cards.length === 0 ? (
          <p>There are no cards yet: nothing to back up.</p>
        ) : (
          <>
            <p class={unsaved.length > 0 ? 'warn-text' : 'good-text'}>
              <strong>
                {unsaved.length > 0
                  ? `${notBackedUp(unsaved.length)}.`
                  : 'Every card with something left is in a backup.'}
              </strong>
            </p>
            <p>
              A backup holds the cards themselves: who has it can spend them. It stays good while you pay,
              because the vendor knows what is left on each card.
            </p>
            <div class="row">
              <button type="button" class="primary" onClick={() => void save()}>
                Save as a file
              </button>
              <button
                type="button"
                onClick={() => (codes ? setCodes(undefined) : void show())}
                aria-expanded={!!codes}
              >
                {codes ? 'Hide the QR codes' : 'Show as QR codes'}
              </button>
            </div>
          </>
        )}
        <p role="status" class="good-text">
          {said}
        </p>
        {problem && <ProblemNotice problem={problem} />}
        {codes && (
          <BackupCodes
            codes={codes}
            onDone={() => {
              store.saved(cards.map(({ id }) => id));
              setCodes(undefined);
              setSaid('Noted: these cards are in a backup.');
            }}
          />
        )}
        <Persistence />
      </section>
      <Restore store={store} />
      {cards.length > 0 && <Remove store={store} snapshot={snapshot} />}
    </>
  );
}

function Persistence() {
  const [kept, setKept] = useState<boolean>();
  void navigator.storage.persisted().then(setKept);
  if (kept === undefined) return null;
  return (
    <p class="faint small">
      {kept
        ? 'This browser has promised not to clear the wallet by itself.'
        : 'This browser may clear the wallet when it runs out of space.'}
    </p>
  );
}

function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
