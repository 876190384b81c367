import { useEffect, useRef, useState } from 'preact/hooks';
import type { Api } from './api.js';
import { useData, type Data } from './data.js';
import { currentView, type View } from './place.js';
import { Batches } from './views/batches.js';
import { Refusal } from './views/dialog.js';
import { Health } from './views/health.js';
import { Keys } from './views/keys.js';
import { Overview, periods } from './views/overview.js';
import { Refunds } from './views/refunds.js';

const titles: Readonly<Record<View, string>> = {
  overview: 'Overview',
  batches: 'Batches',
  refunds: 'Refunds',
  keys: 'Keys',
  health: 'Health',
};

/** The page: where one is, and what the vendor's books say. */
export function App({ api }: { readonly api: Api }) {
  const { data, problem } = useData(api);
  const [view, setView] = useState(currentView);
  const [period, setPeriod] = useState(30);
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    const move = (): void => setView(currentView());
    addEventListener('hashchange', move);
    return () => removeEventListener('hashchange', move);
  }, []);

  const name = data?.state.vendor.name;
  const shown = useRef(view);
  useEffect(() => {
    document.title = `${titles[view]}${name === undefined ? '' : ` · ${name}`}`;
    // After a move, not at the start: those who hear the page are told where they are now.
    if (shown.current !== view) heading.current?.focus();
    shown.current = view;
  }, [view, name]);

  return (
    <>
      <header class={`top${data?.state.vendor.mode === 'test' ? ' test' : ''}`}>
        <a
          class="skip"
          href="#/overview"
          onClick={(event) => {
            event.preventDefault();
            heading.current?.focus();
          }}
        >
          Skip to content
        </a>
        <div class="bar">
          <p class="vendor">
            <strong>{name ?? 'Dashboard'}</strong>
            {data && <Mode mode={data.state.vendor.mode} />}
          </p>
          {data && <Running data={data} />}
        </div>
        <nav aria-label="Dashboard">
          {(Object.keys(titles) as View[]).map((one) => (
            <a key={one} href={`#/${one}`} {...(one === view && { 'aria-current': 'page' as const })}>
              {titles[one]}
            </a>
          ))}
        </nav>
      </header>
      <main class="page">
        <div class="row spread">
          <h1 ref={heading} tabIndex={-1}>
            {titles[view]}
          </h1>
          {view === 'overview' && data && <Period value={period} onChange={setPeriod} />}
        </div>
        {problem && <Refusal problem={problem} />}
        {!data && !problem && <p class="faint">Reading the books…</p>}
        {data && view === 'overview' && <Overview data={data} period={period} />}
        {data && view === 'batches' && <Batches data={data} />}
        {data && view === 'refunds' && <Refunds data={data} />}
        {data && view === 'keys' && <Keys data={data} />}
        {data && view === 'health' && <Health data={data} />}
      </main>
    </>
  );
}

function Mode({ mode }: { readonly mode: 'test' | 'live' }) {
  return <span class={`badge ${mode}`}>{mode === 'test' ? 'Test mode' : 'Live'}</span>;
}

function Running({ data }: { readonly data: Data }) {
  const { server, vendor } = data.state;
  return (
    <p class="running small">
      <span class={`dot ${server ? 'on' : 'off'}`} aria-hidden="true" />
      {server ? 'Server running' : 'No server runs'}
      <span class="faint where"> {new URL(vendor.origin).host}</span>
      {!server && (
        <button type="button" class="small" onClick={() => void data.refresh()}>
          Read again
        </button>
      )}
    </p>
  );
}

interface PeriodProps {
  readonly value: number;
  readonly onChange: (days: number) => void;
}

function Period({ value, onChange }: PeriodProps) {
  return (
    <fieldset class="segments">
      <legend class="visually-hidden">Period</legend>
      {periods.map(([days, name]) => (
        <label key={days}>
          <input type="radio" name="period" checked={value === days} onChange={() => onChange(days)} />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  );
}
