import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { startStaticHost } from './static-host.mjs';

/** What the examples share: a folder of their own, a vendor, a static host, and an end that leaves nothing behind. */

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const run = promisify(execFile);

/** Runs a command of this package, built. @returns what it prints as JSON */
export async function impuls(...words) {
  const { stdout } = await run(process.execPath, [command, ...words, '--json']);
  return JSON.parse(stdout);
}

/**
 * Runs an example until Ctrl+C. `--no-open` opens no browser, `--json` writes JSON lines.
 *
 * @param options more of them, for `parseArgs`
 * @param open builds it on the stage, and returns what is told of it: `{ event, text, link }`
 */
export async function runExample(name, options, open) {
  const { values } = parseArgs({
    options: { 'no-open': { type: 'boolean' }, json: { type: 'boolean' }, ...options },
  });
  const tell = (event) => console.log(JSON.stringify(event));
  const stopping = new AbortController();
  const stopped = once(stopping.signal, 'abort');
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopping.abort());
  const folder = await mkdtemp(join(tmpdir(), `impuls-${name}-`));
  const closers = [() => rm(folder, { recursive: true, force: true, maxRetries: 3 })];
  const stage = {
    folder,
    values,
    say: (text) => values.json || console.log(text),
    async impuls(...words) {
      stopping.signal.throwIfAborted();
      return impuls(...words);
    },
    async startVendor(vendorFolder) {
      closers.push(await startVendor(vendorFolder));
    },
    async startHost(files, port) {
      const host = await startStaticHost(files, port);
      closers.push(() => host.close());
      return host.origin;
    },
  };
  try {
    const { event, text, link } = await open(stage);
    if (values.json) tell({ event: 'ready', ...event, link, folder });
    else console.log(text);
    if (!values['no-open'] && !values.json && hasDisplay()) openBrowser(link);
    await stopped;
  } catch (error) {
    // A step that Ctrl+C ended is no failure.
    if (!stopping.signal.aborted) {
      console.error(error.stderr?.trim() || `${name}: ${error.message}`);
      process.exitCode = 1;
    }
  } finally {
    for (const close of closers.reverse()) await close();
  }
  if (values.json && stopping.signal.aborted) tell({ event: 'stopped' });
}

/** @returns what stops it */
async function startVendor(folder) {
  const child = spawn(process.execPath, [command, 'vendor', 'serve', folder, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl+C reaches this process alone, which then stops the other in order.
    detached: true,
  });
  const ended = once(child, 'exit');
  const ready = once(createInterface({ input: child.stdout }), 'line');
  const first = await Promise.race([ready, ended.then(() => undefined)]);
  if (!first) throw new Error('the vendor did not start');
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

/** The origin of a vendor is fixed before it listens. @param port as it was asked for; 0 for any that is free */
export async function chooseOrigin(port) {
  return `http://127.0.0.1:${Number(port) || (await findFreePort())}`;
}

async function findFreePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function hasDisplay() {
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}

function openBrowser(link) {
  const name = { darwin: 'open', win32: 'explorer' }[process.platform] ?? 'xdg-open';
  // Where it cannot be opened the link is still printed.
  spawn(name, [link], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}
