import { useEffect, useState } from 'preact/hooks';
import type { Check } from '../api.js';
import type { Data } from '../data.js';
import { Refusal } from './dialog.js';
import { useTask } from './task.js';

const order = ['fail', 'warn', 'ok'] as const;
const verdictWords = { fail: 'wrong', warn: 'mind', ok: 'fine' } as const;

/** What `impuls doctor` says; asked when the view is opened. */
export function Checkup({ data }: { readonly data: Data }) {
  const { api } = data;
  const [checks, setChecks] = useState<readonly Check[]>();
  const task = useTask();
  const look = (): void => task.run(async () => setChecks(await api.checks()));
  useEffect(look, [api]);
  return (
    <section class="sheet all" aria-labelledby="checkup-title">
      <div class="row spread">
        <h2 id="checkup-title">Check-up</h2>
        <button type="button" class="small" disabled={task.isRunning} onClick={look}>
          Look again
        </button>
      </div>
      {task.problem && <Refusal problem={task.problem} />}
      {!checks && !task.problem && <p class="faint">Looking…</p>}
      {checks && (
        <ul class="checks">
          {[...checks]
            .sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict))
            .map(({ name, verdict, what, next }) => (
              <li key={`${name} ${what}`}>
                <span class={`badge ${verdict}`}>{verdictWords[verdict]}</span>
                <span class="what">
                  <strong>{name}</strong> {what}
                  {next !== undefined && <span class="faint"> {next}</span>}
                </span>
              </li>
            ))}
        </ul>
      )}
    </section>
  );
}
