import type { CardSummary, Progress } from 'impuls/client';
import { useRef, useState } from 'preact/hooks';
import { formatUnits, plural } from '../../common/money.js';
import { explain, type Problem } from '../../common/problems.js';
import { sortBackup } from '../own-cards.js';
import { addPart, joinParts, readPart, type Collected } from '../qr-parts.js';
import type { Store } from '../store.js';
import { GoodNotice, ProblemNotice } from './notices.js';
import { ProgressBar } from './progress.js';
import { Scanner } from './scanner.js';

/** A file of more than this is no backup that a browser should read. */
const maxFileBytes = 16 << 20;

interface Restored {
  readonly cards: readonly CardSummary[];
  /** Vendors whose cards were left out. */
  readonly others: readonly string[];
}

export function Restore({ store }: { readonly store: Store }) {
  const [scanning, setScanning] = useState(false);
  const [progress, setProgress] = useState<Progress>();
  const [problem, setProblem] = useState<Problem>();
  const [restored, setRestored] = useState<Restored>();
  const [count, setCount] = useState('');
  const collected = useRef<Collected | undefined>(undefined);

  async function restore(text: string): Promise<void> {
    setProblem(undefined);
    setRestored(undefined);
    setProgress({ step: 'document', done: 0, total: 1 });
    try {
      const { own, others } = await sortBackup(text, location.origin);
      const cards = own === undefined ? [] : await store.wallet.restore(own, { onProgress: setProgress });
      store.saved(cards.map(({ id }) => id));
      setRestored({ cards, others });
      void navigator.storage.persist();
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setProgress(undefined);
    }
  }

  async function readFile(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    if (!file) return;
    if (file.size > maxFileBytes) {
      setProblem({
        what: 'This file is too large for a backup.',
        next: 'Choose the file that ends in .backup.',
      });
      return;
    }
    await restore(await file.text());
    // The same file can be chosen again.
    input.value = '';
  }

  function scanned(text: string): 'done' | 'more' {
    const part = readPart(text);
    if (!part) {
      setCount('This QR code is no part of a backup.');
      return 'more';
    }
    collected.current = addPart(collected.current, part);
    const { pieces, of } = collected.current;
    setCount(`${pieces.size} of ${of} codes read.`);
    const whole = joinParts(collected.current);
    if (whole === undefined) return 'more';
    collected.current = undefined;
    setScanning(false);
    void restore(whole);
    return 'done';
  }

  return (
    <section class="sheet" aria-labelledby="restore-title">
      <h2 id="restore-title">Restore</h2>
      <p>
        Brings back the cards of a backup. What is left on them the vendor says; cards that are here stay as
        they are.
      </p>
      <div class="row">
        <label class="button">
          <input
            class="visually-hidden"
            type="file"
            accept=".backup,text/plain"
            disabled={progress !== undefined}
            onChange={(event) => void readFile(event.currentTarget)}
          />
          Choose a file
        </label>
        <button type="button" aria-expanded={scanning} onClick={() => setScanning(!scanning)}>
          {scanning ? 'Stop scanning' : 'Scan QR codes'}
        </button>
      </div>
      {scanning && <Scanner purpose="the codes of a backup" onText={scanned} />}
      <p role="status">{scanning ? count : ''}</p>
      {problem && <ProblemNotice problem={problem} />}
      <div role="status">
        {progress && <ProgressBar progress={progress} />}
        {restored && <Told {...restored} />}
      </div>
    </section>
  );
}

function Told({ cards, others }: Restored) {
  const units = cards.reduce((sum, card) => sum + card.left, 0);
  return (
    <GoodNotice>
      <p>
        <strong>
          {cards.length > 0
            ? `${plural(cards.length, 'card')} restored, with ${formatUnits(units)} left.`
            : 'Nothing new for this wallet in the backup.'}
        </strong>
      </p>
      {others.map((origin) => (
        <p key={origin}>
          Cards of {new URL(origin).host} were left out.{' '}
          <a href={`${origin}/impuls/wallet/#/backup`}>Restore them there</a>
        </p>
      ))}
    </GoodNotice>
  );
}
