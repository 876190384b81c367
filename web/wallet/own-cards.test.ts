import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sortBackup } from './own-cards.js';

const here = 'https://news.example';
const there = 'https://film.example';

function backupOf(...vendors: readonly string[]): string {
  const lines = [
    'impuls wallet backup 1',
    ...vendors.map((vendor, i) => `card ${JSON.stringify({ vendor, i })}`),
  ];
  const text = lines.map((line) => `${line}\n`).join('');
  const sum = createHash('sha256').update(text).digest().subarray(0, 12).toString('base64url');
  return `${text}checksum ${sum}\n`;
}

describe('a backup with cards of several vendors', () => {
  it('is taken apart: this vendor’s cards with a checksum of their own, and the others by name', async () => {
    const { own, others } = await sortBackup(backupOf(here, there, here), here);
    expect(others).toEqual([there]);
    expect(own?.split('\n')).toHaveLength(5);
    expect(await sortBackup(own!, here)).toEqual({ own, others: [] });
    expect(own).not.toContain(there);
  });

  it('that holds none of this vendor is named as such', async () => {
    expect(await sortBackup(backupOf(there), here)).toEqual({ others: [there] });
  });

  it('is left as it is where it is of this vendor only, altered, or no backup at all', async () => {
    const altered = backupOf(here, there).replace('"i":1', '"i":2');
    for (const text of [backupOf(here), altered, 'shopping list', '']) {
      expect(await sortBackup(text, here)).toEqual({ own: text, others: [] });
    }
  });
});
