import { render } from 'preact';
import { openPageWallet } from '../common/page-wallet.js';
import { explain } from '../common/problems.js';
import { App } from './app.js';
import { takePlace } from './route.js';
import { createStore } from './store.js';
import { ProblemNotice } from './views/notices.js';

const place = takePlace();
const root = document.querySelector('#app')!;

try {
  const store = createStore(await openPageWallet());
  root.replaceChildren();
  render(<App store={store} first={place} />, root);
} catch (error) {
  root.replaceChildren();
  render(
    <main class="page">
      <h1>Wallet</h1>
      <ProblemNotice problem={explain(error)} />
    </main>,
    root,
  );
}
