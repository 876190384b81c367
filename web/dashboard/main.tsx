import { render } from 'preact';
import { ApiError, createApi } from './api.js';
import { App } from './app.js';
import { takeToken } from './place.js';
import { Refusal } from './views/dialog.js';

const token = takeToken();
const root = document.querySelector('#app')!;
root.replaceChildren();
if (token === undefined) {
  const problem = new ApiError(
    401,
    'This page needs the link that the dashboard printed.',
    'Run impuls vendor dashboard, and open the whole link.',
  );
  render(
    <main class="page">
      <h1>Dashboard</h1>
      <Refusal problem={problem} />
    </main>,
    root,
  );
} else {
  render(<App api={createApi(token)} />, root);
}
