import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { ImpulsError } from '../../src/core/errors.js';

/** A program of this folder in a process of its own. It is asked in lines of JSON, and answers and tells in such lines. */
export interface Program {
  readonly pid: number;
  /** @throws ImpulsError `network` if it ends before it answers, or says that it could not */
  ask(question: string, detail?: unknown): Promise<unknown>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Ends its input, and waits for its end. */
  stop(): Promise<void>;
}

export interface ProgramOptions {
  /** In a network namespace. Default: in that of this process. */
  readonly namespace?: string;
  /** Where what it says on stderr goes. Default: to that of this process. */
  readonly log?: string;
  readonly onEvent?: (event: unknown) => void;
}

type Line = { readonly id?: number; readonly value?: unknown; readonly error?: string };

const bundles = new Map<string, Promise<string>>();
// Another copy of it than the one that waits for this program to end.
const bundler = new URL('../../tools/run-ts.mjs?bundler', import.meta.url).href;

/** Programs are bundled once, so that starting one anew takes no longer than starting it. */
function bundleOf(name: string): Promise<string> {
  let made = bundles.get(name);
  if (!made) {
    const entry = new URL(`../../proof/chaos/${name}.ts`, import.meta.url).pathname;
    made = import(bundler).then((tools: { bundle: (entry: string) => Promise<string> }) =>
      tools.bundle(entry),
    );
    bundles.set(name, made);
  }
  return made;
}

/** What was bundled by this process. */
export async function bundledFiles(): Promise<string[]> {
  const files = await Promise.all(bundles.values());
  return files.flatMap((file) => [file, `${file}.map`]);
}

/** @param settings given to it as JSON; it is there when its first answer is */
export async function startProgram(
  name: string,
  settings: object,
  options: ProgramOptions = {},
): Promise<Program> {
  const { namespace, log, onEvent } = options;
  const enter = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
  const [command, ...args] = [
    ...enter,
    process.execPath,
    '--enable-source-maps',
    await bundleOf(name),
    JSON.stringify(settings),
  ];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', log === undefined ? 'inherit' : 'pipe'] });
  if (log !== undefined) child.stderr!.pipe(createWriteStream(log, { flags: 'a' }));
  const exited = once(child, 'exit');
  // What is asked of a process that is gone is not answered.
  child.stdin!.on('error', () => {});
  const asked = new Map<number, PromiseWithResolvers>();
  let next = 0;
  createInterface({ input: child.stdout! }).on('line', (text) => {
    const { id, value, error } = JSON.parse(text) as Line;
    if (id === undefined) return onEvent?.(JSON.parse(text));
    const waiting = asked.get(id);
    asked.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new ImpulsError('network', `${name} says ${error}`));
  });
  child.once('exit', () => {
    for (const { reject } of asked.values()) reject(new ImpulsError('network', `${name} is gone`));
    asked.clear();
  });
  return {
    pid: child.pid!,
    ask: (question, detail) =>
      new Promise((resolve, reject) => {
        if (child.exitCode !== null || child.signalCode !== null) {
          reject(new ImpulsError('network', `${name} is gone`));
          return;
        }
        asked.set(next, { resolve, reject });
        child.stdin!.write(`${JSON.stringify({ id: next++, ask: question, detail })}\n`);
      }),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      child.stdin!.end();
      await exited;
    },
  };
}

interface PromiseWithResolvers {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}
