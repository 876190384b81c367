import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The examples, as they are run by hand: each in a process of its own, in an empty folder. */

interface Place {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Running {
  /** The first line that it printed. */
  readonly first: string;
  stop(): Promise<void>;
}

const pathOf = (name: string): string => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

/** Runs one to its end. */
export function runExample(
  name: string,
  args: readonly string[],
  { cwd, env }: Place,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [pathOf(name), ...args],
      { cwd, env: { ...process.env, ...env } },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${name} failed: ${stderr}`, { cause: error }));
        else resolve({ stdout, stderr });
      },
    );
  });
}

/** Starts one that serves, and waits for its first line. */
export async function startExample(
  name: string,
  args: readonly string[],
  { cwd, env }: Place,
): Promise<Running> {
  const child = spawn(process.execPath, [pathOf(name), ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const first = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
  });
  return {
    first,
    async stop() {
      child.kill();
      await exited;
    },
  };
}
