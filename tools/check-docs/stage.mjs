import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package that the documents are about. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

const maxSeconds = 300;

/** A fresh folder in which the built package is installed by its name, as it would be for a reader. */
export function createStage() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'impuls-docs-')));
  const bin = join(folder, 'node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/impuls'), 'dir');
  const command = `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'dist/cli/main.js')}' "$@"\n`;
  writeFileSync(join(bin, 'impuls'), command);
  chmodSync(join(bin, 'impuls'), 0o755);
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const env = {
    ...process.env,
    PATH: [bin, dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: folder,
    XDG_DATA_HOME: join(folder, '.local/share'),
    IMPULS_HOME: undefined,
    NO_COLOR: '1',
    STAGE: folder,
    CHECKOUT: root,
  };

  return {
    folder,
    /** Makes the packages that the checkout has importable by name. */
    link(names) {
      for (const name of names) {
        const from = join(root, 'node_modules', name);
        const to = join(folder, 'node_modules', name);
        if (!existsSync(from) || existsSync(to)) continue;
        mkdirSync(dirname(to), { recursive: true });
        symlinkSync(from, to, 'dir');
      }
    },
    /** @returns {Promise<string | undefined>} what went wrong. Whatever the command started is ended with it. */
    run(command, args) {
      return new Promise((resolve) => {
        const stdio = ['ignore', 'pipe', 'pipe'];
        const child = spawn(command, args, { cwd: folder, env, stdio, detached: true });
        let output = '';
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
        let late = '';
        const timer = setTimeout(() => {
          late = `not done after ${maxSeconds} seconds\n`;
          endGroup(child.pid);
        }, maxSeconds * 1000);
        child.on('error', (error) => resolve(error.message));
        child.on('exit', () => endGroup(child.pid));
        child.on('close', (code, signal) => {
          clearTimeout(timer);
          const last = output.trim().split('\n').slice(-12).join('\n');
          resolve(code === 0 ? undefined : `${late}ended with ${code ?? signal}\n${last}`);
        });
      });
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
