import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPlatform } from '../support/platforms.js';
import { startWorker } from '../support/workerd.js';
import { bundleWhole, installProgram } from './bundles.js';
import type { Outcome } from './suite.js';

/** The built package under each runtime, by one suite that none of them changes. */

const source = (name: string) => fileURLToPath(new URL(name, import.meta.url));

let folder: string;
let program: string;

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'impuls-runtimes-')));
  program = await installProgram(folder, source('process.ts'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Runtime {
  readonly name: string;
  /** Undefined where it is not installed. */
  readonly path: string | undefined;
  readonly args?: readonly string[];
}

const runtimes: readonly Runtime[] = [
  { name: `Node ${process.versions.node.split('.')[0]!}`, path: process.execPath },
  { name: 'Node 22', path: findPlatform('node22', 'bin/node') },
  { name: 'Node 24', path: findPlatform('node24', 'bin/node') },
  { name: 'Bun', path: findPlatform('@oven/bun-linux-x64', 'bin/bun'), args: ['--no-install', 'run'] },
  {
    name: 'Deno',
    path: findPlatform('@deno/linux-x64-glibc', 'deno'),
    // It may read its own files, and nothing else of this machine.
    args: ['run', '--no-remote', '--no-prompt', '--node-modules-dir=manual', '--allow-read'],
  },
];

async function runProgram({ path, args = [] }: Runtime): Promise<Outcome[]> {
  const options = {
    cwd: dirname(program),
    timeout: 110_000,
    maxBuffer: 1 << 24,
    env: { PATH: '/usr/bin:/bin', HOME: folder, DENO_DIR: join(folder, 'deno'), DENO_NO_UPDATE_CHECK: '1' },
  };
  const { stdout } = await promisify(execFile)(path!, [...args, program], options);
  return JSON.parse(stdout) as Outcome[];
}

/** What does not hold, and that it was asked at all. */
function complaintsOf(outcomes: readonly Outcome[]): string[] {
  expect(outcomes.length).toBeGreaterThan(20);
  return outcomes.flatMap(({ name, error }) => (error === undefined ? [] : [`${name}: ${error}`]));
}

describe('the built package', () => {
  it.each(runtimes.filter(({ path }) => path))(
    'does under $name what it does everywhere',
    async (runtime) => {
      expect(complaintsOf(await runProgram(runtime))).toEqual([]);
    },
  );

  it.skipIf(!findPlatform('miniflare'))('does under workerd what it does everywhere', async () => {
    await using worker = await startWorker({ script: await bundleWhole(source('worker.ts')) });
    const response = await worker.fetch('http://localhost/');
    expect(complaintsOf((await response.json()) as Outcome[])).toEqual([]);
  });
});
