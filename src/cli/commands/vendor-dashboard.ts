import { randomBytes } from 'node:crypto';
import { toBase64url } from '../../core/base64url.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { defineCommand, wholeNumber } from '../command.js';
import { createApi } from '../dashboard/api.js';
import { startOperatorServer } from '../dashboard/http.js';
import { pageFolder, readPage } from '../serving/page-files.js';
import { untilStopped } from '../serving/signals.js';

const defaultPort = '8403';

export const vendorDashboard = defineCommand({
  name: 'vendor dashboard',
  summary: 'Show sales, what is owed, batches and keys in a browser, for you alone',
  usage: '[folder] [options]',
  options: {
    port: { type: 'string', value: '<port>', help: `0 for any that is free; default ${defaultPort}` },
  },
  words: [0, 1],
  notes:
    'Open the link that it prints: the token in it is the key to the dashboard, and new each time. It listens on this\nmachine only. Of a server far away, tunnel it: ssh -L 8403:127.0.0.1:8403 host. Works beside a running\n`vendor serve`, and without one. Stop it with Ctrl+C.',
  examples: ['impuls vendor dashboard shop'],
  async run({ terminal, values, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const page = await readPage(pageFolder('dashboard'));
    if (!page) {
      throw new ImpulsError('unsupported', 'the dashboard page is not built', { hint: 'Run: npm run build' });
    }
    const token = toBase64url(randomBytes(32));
    const stopped = untilStopped();
    const tell = (event: string, text: string): void =>
      terminal.json ? terminal.printJsonLine({ event, text }) : terminal.print(text);
    const server = await startOperatorServer({
      port: wholeNumber(values.port ?? defaultPort, '--port', 0, 65_535),
      page,
      token,
      calls: createApi({
        folder: folder.path,
        onChange: (what) => tell('changed', what),
        clock: Date.now,
      }),
      onError: (error) => terminal.note(`impuls: ${isImpulsError(error) ? error.message : String(error)}`),
    });
    const link = `${server.address}/#token=${token}`;
    if (terminal.json) terminal.printJsonLine({ event: 'ready', address: server.address, link });
    else {
      const { paint } = terminal;
      const name = paint.bold(folder.document.name);
      terminal.print(
        `Dashboard of ${name}\n\n  ${paint.cyan(link)}\n\nThe link is secret. Stop with Ctrl+C.`,
      );
    }
    await stopped;
    await server.close();
    if (terminal.json) terminal.printJsonLine({ event: 'stopped' });
  },
});
