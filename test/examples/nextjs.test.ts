import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const guide = readFileSync(`${root}docs/guide/nextjs.md`, 'utf8');

/** A build takes half a minute of a core, so there is one: `npm run docs` builds what the guide has, starts it and pays. */
describe('the example with Next.js', () => {
  const files = readdirSync(`${root}examples/nextjs`, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.js'),
  );

  it('is three files', () => {
    expect(files.sort()).toEqual(['app/[...path]/route.js', 'app/tides/route.js', 'shop.js']);
  });

  it.each(files)('has %s as it is in the guide, where it is built, started and paid', (name) => {
    const [, body] = guide.split(`cat > '${name}' <<'END'\n`);
    expect(body?.split('END\n')[0]).toBe(readFileSync(`${root}examples/nextjs/${name}`, 'utf8'));
  });
});
