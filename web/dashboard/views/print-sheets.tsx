import type { Batch } from 'impuls/server';
import { useState } from 'preact/hooks';
import type { Data } from '../data.js';
import { sizeOf } from '../words.js';
import { Dialog, Refusal } from './dialog.js';
import { allOf, ChooseSerials, isWithin } from './serials.js';
import { save, useTask } from './task.js';

interface Props {
  readonly data: Data;
  readonly batch: Batch;
  readonly onClose: (said?: string) => void;
}

/** Makes a PDF of the file of codes that the operator has: the vendor itself keeps no code. */
export function PrintSheets({ data, batch, onClose }: Props) {
  const { number } = batch;
  const size = sizeOf(batch);
  const [file, setFile] = useState<File>();
  const [paper, setPaper] = useState<'a4' | 'letter'>('a4');
  const [serials, setSerials] = useState(() => allOf(size));
  const task = useTask();

  function print(event: Event): void {
    event.preventDefault();
    if (!file) return;
    task.run(async () => {
      const ranges = serials.which === 'all' ? '' : `${serials.from}-${serials.to}`;
      save(await data.api.printSheets(file, paper, ranges), `batch-${number}-${paper}.pdf`);
      onClose(`Batch ${number}: the PDF is made. Print it at 100 %, not scaled to fit.`);
    });
  }

  return (
    <Dialog title={`Print batch ${number}`} onClose={() => onClose()}>
      <form onSubmit={print}>
        <div class="field">
          <label for="codes">File of codes</label>
          <input
            id="codes"
            type="file"
            accept=".csv,text/csv"
            required
            aria-describedby="codes-help"
            onChange={({ currentTarget }) => setFile(currentTarget.files?.[0])}
          />
          <p id="codes-help" class="faint small">
            The one that was saved when the batch was made: the codes are in it and nowhere else. It does not
            leave this machine.
          </p>
        </div>
        <ChoosePaper value={paper} onChange={setPaper} />
        <ChooseSerials size={size} value={serials} onChange={setSerials} />
        {task.isRunning && <p role="status">Making the PDF…</p>}
        {task.problem && <Refusal problem={task.problem} />}
        <div class="row">
          <button type="button" onClick={() => onClose()}>
            Cancel
          </button>
          <button
            type="submit"
            class="primary"
            disabled={!file || !isWithin(serials, size) || task.isRunning}
          >
            Make the PDF
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface PaperProps {
  readonly value: 'a4' | 'letter';
  readonly onChange: (value: 'a4' | 'letter') => void;
}

function ChoosePaper({ value, onChange }: PaperProps) {
  return (
    <fieldset>
      <legend>Paper</legend>
      {(
        [
          ['a4', 'A4', 'cards of 85 × 54 mm'],
          ['letter', 'Letter', 'cards of 3.5 × 2 in'],
        ] as const
      ).map(([paper, name, cards]) => (
        <label key={paper} class="choice">
          <input type="radio" name="paper" checked={value === paper} onChange={() => onChange(paper)} />
          <span>
            {name}, <span class="faint">{cards}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
