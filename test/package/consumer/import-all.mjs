import { readFile } from 'node:fs/promises';

/** Imports whatever the installed package says that it exports, without its optional peers. */

const { exports } = JSON.parse(
  await readFile(new URL('node_modules/impuls/package.json', import.meta.url), 'utf8'),
);
const names = Object.keys(exports).filter((key) => key !== './package.json');
for (const name of names) await import(`impuls${name.slice(1)}`);
console.log(`imported ${names.length}`);
