import { useEffect, useRef, useState } from 'preact/hooks';
import { BuildFooter } from '../common/footer.js';
import { takePlace, type Place, type View } from './route.js';
import { useSnapshot, type Store } from './store.js';
import { useVendor } from './vendor.js';
import { Backup } from './views/backup.js';
import { Cards } from './views/cards.js';
import { History } from './views/history.js';
import { Limits } from './views/limits.js';
import { Recovery } from './views/recovery.js';

const titles: Readonly<Record<View, string>> = {
  cards: 'Cards',
  history: 'History',
  backup: 'Backup',
  limits: 'Limits',
};

/** The page: where one is, and what the wallet holds. */
export function App({ store, first }: { readonly store: Store; readonly first: Place }) {
  const [place, setPlace] = useState(first);
  const snapshot = useSnapshot(store);
  const vendor = useVendor();
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    const move = (): void => setPlace(takePlace());
    addEventListener('hashchange', move);
    return () => removeEventListener('hashchange', move);
  }, []);

  const { view } = place;
  const shown = useRef(view);
  useEffect(() => {
    document.title = `${titles[view]} · ${vendor.name} wallet`;
    // After a move, not at the start: those who hear the page are told where they are now.
    if (shown.current !== view) heading.current?.focus();
    shown.current = view;
  }, [view, vendor.name]);

  return (
    <>
      <header class="top">
        <a class="skip" href="#/cards" onClick={(event) => skip(event, heading.current)}>
          Skip to content
        </a>
        <p class="vendor">
          <span class="faint">Wallet for</span> <strong>{vendor.name}</strong>
        </p>
        <nav aria-label="Wallet">
          {(Object.keys(titles) as View[]).map((name) => (
            <a key={name} href={`#/${name}`} {...(name === view && { 'aria-current': 'page' as const })}>
              {titles[name]}
              {name === 'backup' && snapshot.unsaved.length > 0 && (
                <>
                  <span class="dot" aria-hidden="true" />
                  <span class="visually-hidden"> (needed)</span>
                </>
              )}
            </a>
          ))}
        </nav>
      </header>
      <main class="page">
        <h1 ref={heading} tabIndex={-1}>
          {titles[view]}
        </h1>
        <Recovery store={store} />
        {view === 'cards' && (
          <Cards
            store={store}
            snapshot={snapshot}
            vendor={vendor}
            {...(place.code && { code: place.code })}
          />
        )}
        {view === 'history' && <History snapshot={snapshot} />}
        {view === 'backup' && <Backup store={store} snapshot={snapshot} />}
        {view === 'limits' && <Limits snapshot={snapshot} vendor={vendor} />}
        <BuildFooter />
      </main>
    </>
  );
}

function skip(event: Event, heading: HTMLElement | null): void {
  event.preventDefault();
  heading?.focus();
}
