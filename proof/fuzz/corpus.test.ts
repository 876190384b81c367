import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { seedBytes, targets } from './targets.js';

const corpus = fileURLToPath(new URL('corpus/', import.meta.url));

describe('what readers of strangers’ bytes make of all that a search has found', () => {
  it.each(targets)('$name', async ({ name, seeds, run }) => {
    for (const seed of seeds()) await run(seedBytes(seed));
    const folder = `${corpus}${name}`;
    for (const file of existsSync(folder) ? readdirSync(folder) : []) {
      await run(Uint8Array.from(readFileSync(`${folder}/${file}`)));
    }
  });

  it('is kept for each of them and for nothing else', () => {
    const kept = existsSync(corpus) ? readdirSync(corpus).sort() : [];
    expect(kept).toEqual(targets.map(({ name }) => name).sort());
  });
});
