import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { drawBadge } from './badge.js';
import type { Tally } from './tally.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The program as it is run by hand: a bundle, in which nothing waits for anything but the simulation. */
async function run<T>(...args: string[]): Promise<T> {
  const command = ['tools/run-ts.mjs', 'proof/hostile/main.ts', '--json', ...args];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: root, maxBuffer: 1 << 24 });
  return JSON.parse(stdout) as T;
}

describe('the hostile battery', () => {
  it('finds no call charged twice and no unit lost, and nothing else that must not be', async () => {
    const tally = await run<Tally>('--payments', '4000', '--calls', '2000');
    expect(tally).toMatchObject({ payments: 4000, doubleCharges: 0, lostUnits: 0, breaches: [] });
    expect(Object.keys(tally.faults).length).toBeGreaterThan(12);
  });

  it('does the same again from the same seed', async () => {
    const tally = await run<Tally>('--payments', '600', '--calls', '300', '--seed', '900', '--twice');
    expect(tally).toMatchObject({ worlds: 2, breaches: [] });
  });

  it('notices each of its saboteurs', async () => {
    const results = await run<{ name: string; noticed: boolean }[]>('--saboteurs');
    expect(results.filter(({ noticed }) => !noticed)).toEqual([]);
    expect(results.length).toBeGreaterThan(6);
  });

  it('draws what came of it, green where nothing went wrong', () => {
    const tally = { payments: 1_000_000, doubleCharges: 0, lostUnits: 0 } as Tally;
    expect(drawBadge(tally)).toContain('1,000,000');
    expect(drawBadge(tally)).toContain('#1a7f37');
    expect(drawBadge({ ...tally, lostUnits: 1 })).toContain('#cf222e');
  });
});
