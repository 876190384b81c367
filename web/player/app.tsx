import type { Wallet } from 'impuls/client';
import type { KeyLibrary } from 'impuls/client/content';
import { useEffect, useState } from 'preact/hooks';
import { BuildFooter } from '../common/footer.js';
import { Film } from './film.js';
import { addressOf, readFilm, takePlace, type Place } from './place.js';

interface Props {
  readonly wallet: Wallet;
  readonly library: KeyLibrary;
  readonly first: Place;
}

export function App({ wallet, library, first }: Props) {
  const [place, setPlace] = useState(first);
  useEffect(() => {
    const moved = (): void => {
      const next = takePlace();
      setPlace((now) => (next.code === undefined && next.film === now.film ? now : next));
    };
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return (
    <>
      <header class="top">
        <h1>Player</h1>
        <a href="../wallet/">Wallet</a>
      </header>
      <main class="page">
        {place.film ? (
          <Film
            key={place.film}
            film={place.film}
            wallet={wallet}
            library={library}
            {...(place.code && { code: place.code })}
          />
        ) : (
          <OpenFilm
            onFilm={(film) => {
              history.pushState(null, '', addressOf(film));
              setPlace({ ...place, film });
            }}
          />
        )}
        <BuildFooter />
      </main>
    </>
  );
}

function OpenFilm({ onFilm }: { readonly onFilm: (film: string) => void }) {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState(false);
  return (
    <form
      class="sheet"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const film = readFilm(text);
        if (film) onFilm(film);
        else setWrong(true);
      }}
    >
      <h2>Open a film</h2>
      <label for="film">Address of the film’s playlist</label>
      <input
        id="film"
        type="url"
        value={text}
        placeholder="https://cdn.example/film/master.m3u8"
        aria-invalid={wrong ? 'true' : 'false'}
        aria-describedby="film-help"
        onInput={(event) => {
          setText(event.currentTarget.value);
          setWrong(false);
        }}
      />
      <p id="film-help" class={wrong ? 'bad-text' : 'faint'} aria-live="polite">
        {wrong ? 'That is no address of the web.' : 'It ends in .m3u8, and may lie on any host.'}
      </p>
      <div class="row">
        <button class="primary">Open</button>
      </div>
    </form>
  );
}
