import { readFile } from 'node:fs/promises';

/** Imports whatever the installed package says that it exports, without its optional peers. */

const { exports } = JSON.parse(
  await readFile(new URL('node_modules/impuls/package.json', import.meta.url), 'utf8'),
);
const names = Object.keys(exports).filter((key) => !key.endsWith('.json'));
const said = [];
for (const name of names) {
  const missing = await import(`impuls${name.slice(1)}`).then(
    () => undefined,
    (error) => /Cannot find package '([^']+)'/.exec(error.message)?.[1] ?? String(error),
  );
  if (missing) said.push(`; ${name} needs ${missing}`);
}
console.log(`imported ${names.length - said.length}${said.join('')}`);
