/**
 * Checks what the documents say against the built package: `node tools/check-docs.mjs [folder of the documents]`.
 *
 *   ```ts         compiles as a module against `impuls`, by name
 *   ```ts more    goes on with the block before it
 *   ```ts run     is run, too
 *   ```sh         names scripts, commands and options that exist
 *   ```sh run     is run, too: tools/check-docs/shell-blocks.mjs says how
 *   ```json       parses
 *
 * Relative links lead to files and headings that are there.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkCommands } from './check-docs/commands.mjs';
import { checkLinks } from './check-docs/links.mjs';
import { readDocument } from './check-docs/markdown.mjs';
import { runShell } from './check-docs/shell-blocks.mjs';
import { root } from './check-docs/stage.mjs';
import { checkTypescript } from './check-docs/typescript-blocks.mjs';

const flagsOf = { ts: ['run', 'more'], sh: ['run'], json: [] };
/** Other names of the three, under which a block would go unchecked. */
const otherNames = {
  typescript: 'ts',
  js: 'ts',
  javascript: 'ts',
  mjs: 'ts',
  bash: 'sh',
  shell: 'sh',
  console: 'sh',
};

const folder = resolve(process.argv[2] ?? root);
const documents = ['', 'docs', 'docs/adr', 'docs/guide']
  .filter((name) => existsSync(join(folder, name)))
  .flatMap((name) => readdirSync(join(folder, name)).map((file) => join(name, file)))
  .filter((file) => file.endsWith('.md'))
  .map((file) => readDocument(file, readFileSync(join(folder, file), 'utf8')));

const problems = [];
const report = (file, line, what) => problems.push({ file, line, what });

checkBlocks();
checkLinks(folder, documents, report);
await checkCommands(documents, report);
await checkTypescript(documents, report);
await runShell(documents, report);

problems.sort((a, b) => Number(a.file > b.file) - Number(a.file < b.file) || a.line - b.line);
for (const { file, line, what } of problems)
  console.error(`${file}:${line} ${what.replaceAll('\n', '\n    ')}`);
const blocks = documents.flatMap((document) => document.blocks);
const count = (test) => blocks.filter(test).length;
console.log(
  `${documents.length} documents: ${count(({ language }) => language in flagsOf)} blocks checked, ` +
    `${count(({ flags }) => flags.includes('run'))} of them run, ${problems.length} problems`,
);
process.exitCode = problems.length > 0 ? 1 : 0;

function checkBlocks() {
  for (const { file, blocks, unclosed } of documents) {
    if (unclosed) report(file, unclosed, 'this block has no end');
    for (const { language, flags, line, lines } of blocks) {
      if (Object.hasOwn(otherNames, language))
        report(file, line - 1, `write ${otherNames[language]} for ${language}`);
      const unknown = flags.find((flag) => flagsOf[language] && !flagsOf[language].includes(flag));
      if (unknown) report(file, line - 1, `"${language} ${unknown}" means nothing`);
      if (language === 'json') checkJson(file, line, lines.join('\n'));
    }
  }
}

function checkJson(file, line, text) {
  try {
    JSON.parse(text);
  } catch (error) {
    report(file, line, `this is no JSON: ${error.message}`);
  }
}
