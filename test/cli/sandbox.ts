import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { run as runCommand } from '../../dist/cli/run.js';
import { freePort } from '../support/ports.js';

/**
 * The command line in a folder of its own. What serves is a process; a command that ends runs in this one, which spares the
 * start of Node and takes the same way in as `main.ts`.
 */

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Server {
  /** The lines of JSON that it has written. */
  readonly events: ReadonlyArray<Readonly<Record<string, unknown>>>;
  /** All that it has written so far. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** @returns its exit code */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
  /** The next event of a name, from now on. */
  next(event: string): Promise<Readonly<Record<string, unknown>>>;
  readonly pid: number;
}

export interface Sandbox {
  readonly folder: string;
  readonly origin: string;
  run(args: readonly string[], options?: { readonly input?: string; readonly env?: object }): Promise<Result>;
  /** Runs what must succeed. @returns what it wrote as JSON */
  json<T>(...args: readonly string[]): Promise<T>;
  serve(...args: readonly string[]): Promise<Server>;
  /** The same with more in its environment. */
  serveWith(env: object, ...args: readonly string[]): Promise<Server>;
  /** A paying proxy, with more in its environment. */
  proxy(env: object, ...args: readonly string[]): Promise<Server>;
  /** The dashboard of a vendor; its first event has the link. */
  dashboard(...args: readonly string[]): Promise<Server>;
  remove(): Promise<void>;
}

export async function createSandbox(): Promise<Sandbox> {
  const folder = await mkdtemp(join(tmpdir(), 'impuls-cli-'));
  const env = { PATH: process.env['PATH'], HOME: folder, IMPULS_HOME: join(folder, 'home') };
  const start = (args: readonly string[], more: object = {}) =>
    spawn(process.execPath, [program, ...args], { cwd: folder, env: { ...env, ...more } });

  async function run(
    args: readonly string[],
    { input = '', env: more = {} }: { readonly input?: string; readonly env?: object } = {},
  ): Promise<Result> {
    process.chdir(folder);
    const [stdout, stderr] = [collect(), collect()];
    const stdin = Readable.from([Buffer.from(input)]);
    const code = await runCommand(args, { stdin, stdout, stderr, env: { ...env, ...more } });
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  }

  return {
    folder,
    origin: `http://127.0.0.1:${await freePort()}`,
    run,
    async json<T>(...args: readonly string[]) {
      const { code, stdout, stderr } = await run(args);
      if (code !== 0) throw new Error(`impuls ${args.join(' ')} ended with ${code}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    serve: (...args) => listen({}, ['vendor', 'serve', ...args]),
    serveWith: (more, ...args) => listen(more, ['vendor', 'serve', ...args]),
    proxy: (more, ...args) => listen(more, ['vendor', 'proxy', ...args]),
    dashboard: (...args) => listen({}, ['vendor', 'dashboard', ...args]),
    remove: () => rm(folder, { recursive: true, force: true }),
  };

  /** Starts what runs until it is told to stop, and waits until it is ready. */
  async function listen(more: object, args: readonly string[]): Promise<Server> {
    const child = start(args, more);
    const exited = once(child, 'exit') as Promise<[number | null]>;
    const events: Array<Record<string, unknown>> = [];
    const waiting: Array<(event: Readonly<Record<string, unknown>>) => void> = [];
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const event = JSON.parse(line) as Record<string, unknown>;
        events.push(event);
        for (const hear of waiting.splice(0)) hear(event);
        if (event['event'] === 'ready') resolve();
      });
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${stderr}`)));
    });
    const end = async (signal: NodeJS.Signals): Promise<number | null> => {
      child.kill(signal);
      return (await exited)[0];
    };
    return {
      events,
      output: () => ({ stdout, stderr }),
      pid: child.pid!,
      async next(name) {
        for (;;) {
          const event = await new Promise<Readonly<Record<string, unknown>>>((resolve) =>
            waiting.push(resolve),
          );
          if (event['event'] === name) return event;
        }
      },
      stop: () => end('SIGTERM'),
      async kill() {
        await end('SIGKILL');
      },
    };
  }
}

/** A stream that is no terminal. */
function collect(): Writable & { text(): string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return Object.assign(stream, { text: () => Buffer.concat(chunks).toString() });
}

/** A failure in two lines: what, and the next move. */
export function twoLines(stderr: string): { readonly what: string; readonly next: string } {
  const [what = '', next = '', ...more] = stderr.trimEnd().split('\n');
  if (!what.startsWith('impuls: ') || !next.startsWith('→ ') || more.length > 0) {
    throw new Error(`not a failure in two lines: ${stderr}`);
  }
  return { what: what.slice('impuls: '.length), next: next.slice('→ '.length) };
}
