import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openFileStorage } from '../../src/node/file-storage.js';
import { createChoices } from '../../src/testing/suite.js';
import { startChild } from './child.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-crash-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Checks that every confirmed batch is there and that each that is there is whole. */
async function checkStorage(path: string, confirmed: readonly string[]): Promise<void> {
  const storage = await openFileStorage(path);
  const records = await storage.load();
  await storage.close();
  for (const number of confirmed) expect(records.get(`one ${number}`)).toBe(number);
  for (const [key, value] of records) {
    const [word, number] = key.split(' ');
    if (word === 'one') expect(records.get(`two ${number}`)).toBe(value);
    if (word === 'two') expect(records.get(`one ${number}`)).toBe(value);
  }
}

function confirmedBy(lines: readonly string[]): string[] {
  return lines.filter((line) => line.startsWith('written ')).map((line) => line.slice('written '.length));
}

describe("the wallet's file", () => {
  it('has every confirmed batch whole after its process is killed at any moment', async () => {
    const path = join(folder, 'killed');
    const choices = createChoices(11);
    const confirmed: string[] = [];
    for (let round = 0; round < 20; round++) {
      const child = startChild('storage-child.mjs', [path, 1], { killAfter: 1 + choices.below(300) });
      confirmed.push(...confirmedBy(await child.lines));
      expect(child.process.signalCode).toBe('SIGKILL');
      if (round % 5 === 4) await checkStorage(path, confirmed);
    }
    expect(confirmed.length).toBeGreaterThan(20);
  });

  it('refuses what it cannot write when the disk is full, keeps what it confirmed, and goes on with space', async () => {
    const path = join(folder, 'full');
    const full = startChild('storage-child.mjs', [path, 20], { maxFileBytes: 200_000 });
    const lines = await full.lines;
    expect(full.process.exitCode).toBe(0);
    const failures = lines.filter((line) => line.startsWith('failed'));
    expect(failures.length).toBeGreaterThanOrEqual(20);
    for (const line of failures) expect(line).toMatch(/ storage-failed$/);
    const confirmed = confirmedBy(lines);
    await checkStorage(path, confirmed);
    const later = await startChild('storage-child.mjs', [path, 1], { killAfter: 50 }).lines;
    await checkStorage(path, [...confirmed, ...confirmedBy(later)]);
  });

  it('is refused to a second process with a hint that names the first, and free when that is killed', async () => {
    const path = join(folder, 'shared');
    const owner = startChild('open-child.mjs', ['storage', path]);
    expect(await owner.first).toBe('open');
    const [refusal] = await startChild('open-child.mjs', ['storage', path]).lines;
    expect(refusal).toContain(`storage-locked Stop the process ${owner.process.pid}.`);
    owner.process.kill('SIGKILL');
    await owner.lines;
    await checkStorage(path, []);
  });
});
