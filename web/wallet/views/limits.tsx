import { worthOf } from 'impuls';
import { useEffect, useState } from 'preact/hooks';
import { isCap, maxCap, readCaps, spentToday, watchCaps, writeCaps, type Caps } from '../../common/caps.js';
import { formatUnits, formatWorth } from '../../common/money.js';
import type { Snapshot } from '../store.js';
import type { VendorFace } from '../vendor.js';

/** What pages may spend without asking. */
export function Limits({ snapshot, vendor }: { readonly snapshot: Snapshot; readonly vendor: VendorFace }) {
  const [caps, setCaps] = useState(readCaps);
  const [typed, setTyped] = useState<Record<keyof Caps, string>>(() => toText(readCaps()));
  const [said, setSaid] = useState('');
  const [problem, setProblem] = useState<keyof Caps>();
  useEffect(
    () =>
      watchCaps((changed) => {
        setCaps(changed);
        setTyped(toText(changed));
      }),
    [],
  );
  const spent = spentToday(snapshot.history, Date.now());

  function save(event: Event): void {
    event.preventDefault();
    const next: Caps = { perRequest: Number(typed.perRequest), perDay: Number(typed.perDay) };
    const wrong = (['perRequest', 'perDay'] as const).find(
      (name) => typed[name].trim() === '' || !isCap(next[name]),
    );
    setProblem(wrong);
    setSaid('');
    if (wrong) {
      document.querySelector<HTMLInputElement>(`#${wrong}`)?.focus();
      return;
    }
    writeCaps(next);
    setCaps(next);
    setSaid('Saved. Every page of this vendor obeys it from now on.');
  }

  const field = (name: keyof Caps, label: string) => (
    <div class="field">
      <label for={name}>{label}</label>
      <input
        id={name}
        type="text"
        inputMode="numeric"
        value={typed[name]}
        onInput={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })}
        aria-invalid={problem === name ? 'true' : 'false'}
        aria-describedby={`${name}-help`}
      />
      <p id={`${name}-help`} class={problem === name ? 'bad-text' : 'faint'}>
        {problem === name
          ? `A whole number of units, at most ${formatUnits(maxCap)}.`
          : describe(typed[name], vendor)}
      </p>
    </div>
  );

  return (
    <>
      <p class="lead">
        Below these limits pages pay without asking; above them they stop. No page can spend more than your
        cards hold.
      </p>
      <form class="sheet" onSubmit={save} noValidate>
        {field('perRequest', 'At most for one request, in units')}
        {field('perDay', 'At most within 24 hours, in units')}
        <div class="row">
          <button class="primary" type="submit">
            Save
          </button>
          <span role="status" class="good-text">
            {said}
          </span>
        </div>
        <div class="field">
          <p id="today">
            Spent in the last 24 hours: {formatUnits(spent)} of {formatUnits(caps.perDay)}
          </p>
          <meter
            value={Math.min(spent, caps.perDay)}
            max={Math.max(1, caps.perDay)}
            aria-labelledby="today"
          />
        </div>
      </form>
    </>
  );
}

function toText({ perRequest, perDay }: Caps): Record<keyof Caps, string> {
  return { perRequest: String(perRequest), perDay: String(perDay) };
}

function describe(text: string, { unit }: VendorFace): string {
  const units = Number(text);
  if (text.trim() === '' || !isCap(units)) return 'In whole units.';
  return unit ? formatWorth(worthOf(units, unit)) : formatUnits(units);
}
