import { setTimeout as sleep } from 'node:timers/promises';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { untilStopped } from '../serving/signals.js';
import { startVendorServer, type ServedRoute } from '../serving/vendor-server.js';
import { articleAt, routes, tickMilliseconds } from './shop.js';

/**
 * The vendor of the demo, a process of its own: `node vendor-process.js <folder>`. It tells what happens on stdout, one JSON
 * document a line: `ready`, and `paid` with the fingerprint of the key that it holds for the payment.
 */

const served: readonly ServedRoute[] = [
  {
    path: routes.articles.path,
    price: routes.articles.units,
    summary: 'A short article',
    async find(pathname) {
      const text = articleAt(pathname);
      if (text === undefined) return undefined;
      return (_req, res) =>
        void res.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
    },
  },
  {
    path: routes.ticks.path,
    price: routes.ticks.units,
    summary: 'A number, after a moment of work',
    async find(pathname) {
      return async (_req, res) => {
        await sleep(tickMilliseconds(pathname));
        res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ tick: pathname }));
      };
    },
  },
];

function tell(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

const folder = await openVendorFolder(process.argv[2] ?? '.');
const stopped = untilStopped();
/** The input ends with the process that started this one. */
const orphaned = new Promise((resolve) => process.stdin.once('end', resolve).resume());
const server = await startVendorServer(folder, {
  ...folder.settings.listen,
  routes: served,
  onPaid: tell,
  onError: (error) => tell({ event: 'error', message: String(error) }),
});
tell({ event: 'ready', address: server.address });
await Promise.race([stopped, orphaned]);
process.stdin.destroy();
await server.close();
