import { useState } from 'preact/hooks';
import { formatUnits, plural } from '../../common/money.js';
import type { Data } from '../data.js';
import { unitsAndWorth, worth } from '../words.js';
import { Dialog, Refusal } from './dialog.js';
import { save, useTask } from './task.js';

interface Props {
  readonly data: Data;
  readonly onClose: (said?: string) => void;
}

const maxCodes = 10_000;
const maxCards = 100;
const daySeconds = 86_400;

interface Made {
  readonly batch: number;
  readonly count: number;
  /** Secret. */
  readonly csv: string;
}

/** Makes codes. They are in this page and nowhere else until they are saved. */
export function CreateBatch({ data, onClose }: Props) {
  const [made, setMade] = useState<Made>();
  return made ? (
    <Codes data={data} made={made} onClose={onClose} />
  ) : (
    <Terms data={data} onMade={setMade} onClose={onClose} />
  );
}

function Terms({ data, onMade, onClose }: Props & { readonly onMade: (made: Made) => void }) {
  const { keys, now, vendor } = data.state;
  const issuing = keys.cards.filter(
    ({ id, notBefore, notAfter }) =>
      notBefore <= now &&
      now < Math.min(notAfter, keys.revoked.find((entry) => entry.id === id)?.time ?? Infinity),
  );
  const denominations = [...new Set(issuing.map(({ denomination }) => denomination))].sort((a, b) => a - b);
  const lastOf = (units: number): string => {
    const ends = issuing.filter(({ denomination }) => denomination === units).map(({ notAfter }) => notAfter);
    return isoDay(Math.max(...ends) - 1);
  };
  const [units, setUnits] = useState(denominations[0] ?? 0);
  const [cards, setCards] = useState(1);
  const [count, setCount] = useState(100);
  const [label, setLabel] = useState('');
  const [last, setLast] = useState(() => lastOf(denominations[0] ?? 0));
  const task = useTask();

  function make(event: Event): void {
    event.preventDefault();
    task.run(async () => {
      const expires = Date.parse(`${last}T00:00:00Z`) / 1000 + daySeconds;
      const { batch, csv } = await data.api.createBatch({ units, cards, count, label, expires });
      void data.refresh();
      onMade({ batch, count, csv });
    });
  }

  if (denominations.length === 0) {
    return (
      <Dialog title="New batch" onClose={() => onClose()}>
        <p>No key issues cards now. Run impuls keys rotate first.</p>
        <div class="row">
          <button type="button" onClick={() => onClose()}>
            Close
          </button>
        </div>
      </Dialog>
    );
  }
  const total = Number.isFinite(count * cards) ? count * cards * units : 0;
  return (
    <Dialog title="New batch" onClose={() => onClose()}>
      <form onSubmit={make}>
        <div class="fields">
          <label class="field">
            Codes
            <input
              type="number"
              inputMode="numeric"
              min={1}
              max={maxCodes}
              required
              value={count}
              onInput={({ currentTarget }) => setCount(currentTarget.valueAsNumber)}
            />
          </label>
          <label class="field">
            Each card has
            <select
              value={units}
              onChange={({ currentTarget }) => {
                setUnits(Number(currentTarget.value));
                setLast(lastOf(Number(currentTarget.value)));
              }}
            >
              {denominations.map((denomination) => (
                <option key={denomination} value={denomination}>
                  {unitsAndWorth(denomination, vendor.unit)}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            Cards of each code
            <input
              type="number"
              inputMode="numeric"
              min={1}
              max={maxCards}
              required
              value={cards}
              onInput={({ currentTarget }) => setCards(currentTarget.valueAsNumber)}
            />
          </label>
          <label class="field">
            Redeemed until
            <input
              type="date"
              required
              min={isoDay(now)}
              value={last}
              onInput={({ currentTarget }) => setLast(currentTarget.value)}
            />
          </label>
          <label class="field across">
            What you call it
            <input
              maxLength={100}
              placeholder="Kiosk at the station"
              value={label}
              onInput={({ currentTarget }) => setLabel(currentTarget.value)}
            />
          </label>
        </div>
        <p class="faint">
          {formatUnits(total)}, {worth(total, vendor.unit)} in all, once it is activated. Until then the codes
          are worth nothing.
        </p>
        {task.isRunning && <p role="status">Making {plural(count, 'code')}…</p>}
        {task.problem && <Refusal problem={task.problem} />}
        <div class="row">
          <button type="button" onClick={() => onClose()}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={task.isRunning}>
            Make the codes
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Codes({ data, made, onClose }: Props & { readonly made: Made }) {
  const { batch, count, csv } = made;
  const [isSaved, setSaved] = useState(false);
  const task = useTask();
  const print = (paper: 'a4' | 'letter') => (): void =>
    task.run(async () => save(await data.api.printSheets(csv, paper, ''), `batch-${batch}-${paper}.pdf`));
  return (
    <Dialog
      title={`Batch ${batch} is made`}
      // The codes would be lost with the window.
      onCancel={(event) => !isSaved && event.preventDefault()}
      onClose={() =>
        onClose(`Batch ${batch}: ${plural(count, 'code')}, worth nothing until you activate them.`)
      }
    >
      <p>
        {plural(count, 'code')}, <strong>in this window and nowhere else</strong>. Save the file: only with it
        can they be printed again. Who has it has the codes.
      </p>
      <div class="row">
        <button
          type="button"
          class="primary"
          onClick={() => {
            save(new Blob([csv], { type: 'text/csv' }), `batch-${batch}.csv`);
            setSaved(true);
          }}
        >
          Save the codes
        </button>
        <button type="button" disabled={task.isRunning} onClick={print('a4')}>
          PDF, A4
        </button>
        <button type="button" disabled={task.isRunning} onClick={print('letter')}>
          PDF, Letter
        </button>
      </div>
      {task.isRunning && <p role="status">Making the PDF…</p>}
      {task.problem && <Refusal problem={task.problem} />}
      <div class="row">
        <button type="button" onClick={() => onClose(`Batch ${batch} is made: activate it once it is sold.`)}>
          {isSaved ? 'Done' : 'Close without saving'}
        </button>
      </div>
    </Dialog>
  );
}

/** @param seconds Unix time @returns `2027-01-31`, UTC */
function isoDay(seconds: number): string {
  return Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString().slice(0, 10) : '';
}
