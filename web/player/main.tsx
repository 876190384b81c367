import Hls from 'hls.js';
import { openIndexedDbLibrary } from 'impuls/client/indexeddb';
import { render } from 'preact';
import { openPageWallet, storageName } from '../common/page-wallet.js';
import { explain, type Problem } from '../common/problems.js';
import { App } from './app.js';
import { takePlace } from './place.js';
import { Notice } from './notice.js';

const place = takePlace();
const root = document.querySelector('#app')!;

function refuse(problem: Problem): void {
  root.replaceChildren();
  render(
    <main class="page">
      <h1>Player</h1>
      <Notice kind="bad" {...problem} />
    </main>,
    root,
  );
}

if (!Hls.isSupported()) {
  refuse({
    what: 'This browser cannot play films of this kind.',
    next: 'It lacks Media Source Extensions: use another one.',
  });
} else {
  try {
    const wallet = await openPageWallet();
    const library = await openIndexedDbLibrary({ name: storageName });
    // What a closed tab left open holds units back.
    if (wallet.cards().some(({ reserved }) => reserved > 0)) wallet.recover().catch(() => undefined);
    root.replaceChildren();
    render(<App wallet={wallet} library={library} first={place} />, root);
  } catch (error) {
    refuse(explain(error));
  }
}
