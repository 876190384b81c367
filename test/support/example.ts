import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPlatform } from './platforms.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** An example in a fresh folder, with the packages that it needs, as it is for a reader who copied it. */
export interface Example extends AsyncDisposable {
  readonly folder: string;
  /** Starts a program of it. Resolves with the first thing that it says, on which it waits; rejects if it ends before. */
  start(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
}

export function copyExample(name: string, packages: readonly string[]): Example {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `impuls-${name}-`)));
  cpSync(join(root, 'examples', name), folder, { recursive: true });
  for (const wanted of ['impuls', ...packages]) {
    const to = join(folder, 'node_modules', wanted);
    mkdirSync(dirname(to), { recursive: true });
    const own = wanted === 'impuls' ? root : join(root, 'node_modules', wanted);
    const from = existsSync(own) ? own : findPlatform(wanted)?.replace(/\/package\.json$/, '');
    symlinkSync(from ?? own, to, 'dir');
  }
  const children = new Set<ChildProcess>();

  function spawnIn(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own group: what it starts ends with it.
      detached: true,
    });
    children.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    const ended = once(child, 'close').then(([code]) => {
      children.delete(child);
      return code as number | null;
    });
    return { child, ended, said: () => said };
  }

  return {
    folder,
    async start(command, args, env = {}) {
      const { child, ended, said } = spawnIn(command, args, env);
      const first = once(child.stdout, 'data').then(() => true);
      if (await Promise.race([first, ended.then(() => false)])) return said();
      throw new Error(`${command} ended: ${said()}`);
    },
    async [Symbol.asyncDispose]() {
      for (const child of [...children]) {
        const ended = once(child, 'close');
        if (child.pid) process.kill(-child.pid, 'SIGKILL');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
