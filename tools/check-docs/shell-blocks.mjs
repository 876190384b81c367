import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStage, root } from './stage.mjs';

/**
 * Blocks marked `sh run` are run by bash, all of a document as one script in a fresh folder, with `impuls` on the PATH;
 * `npm install` links what the checkout has. A line that ends in `&` starts a server: the next line waits until it has said
 * something, and it is stopped at the end.
 */
export async function runShell(documents, report) {
  // The longest first; they wait for servers and compilers more than they work.
  const waiting = documents.map(blocksOf).filter(({ blocks }) => blocks.length > 0 && isRunnable(blocks));
  waiting.sort((a, b) => b.blocks.length - a.blocks.length);
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await runBlocks(next.document, next.blocks, report);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/** Documents that are run at the same time: each keeps to ports of its own. */
const atOnce = 3;

function blocksOf(document) {
  const isRun = ({ language, flags }) => language === 'sh' && flags.includes('run');
  return { document, blocks: document.blocks.filter(isRun) };
}

/** Whether what they install is there. Where it has to be, they are run in any case, and say so. */
function isRunnable(blocks) {
  const absent = blocks.flatMap(packagesOf).find((name) => !isThere(name));
  if (absent === undefined || process.env.IMPULS_PLATFORMS === 'required') return true;
  console.log(`a document is not run: npm install --prefix test/platforms brings ${absent}`);
  return false;
}

/** What the blocks of a document install. */
const packagesOf = ({ lines }) =>
  lines
    .flatMap((line) => /^npm install (.*)/.exec(line)?.[1].split(/\s+/) ?? [])
    .filter((word) => /^[@\w]/.test(word));

const isThere = (name) =>
  ['node_modules', 'test/platforms/node_modules'].some((place) => existsSync(join(root, place, name))) ||
  name === 'impuls';

const prelude = fileURLToPath(new URL('prelude.sh', import.meta.url));

async function runBlocks({ file, length }, blocks, report) {
  const stage = createStage();
  try {
    // The script has each line where the document has it. In the first there can be no line of a block.
    const script = new Array(length).fill('');
    for (const { line, lines } of blocks) {
      script.splice(line - 1, lines.length, ...lines.map((text, i) => awaitServer(text, line + i)));
    }
    script[0] = `. '${prelude}'`;
    const path = join(stage.folder, '.document.sh');
    writeFileSync(path, script.join('\n'));
    const failure = await stage.run('bash', [path]);
    if (failure) report(file, failedLine(stage.folder) ?? blocks[0].line, failure);
  } finally {
    stage.remove();
  }
}

function awaitServer(text, line) {
  const output = `"$STAGE/.server-${line}"`;
  return text.replace(/(?<![&|<>])&\s*$/, `> ${output} 2>&1 & await_server $! ${output}`);
}

function failedLine(folder) {
  try {
    return Number(readFileSync(join(folder, '.failed-line'), 'utf8'));
  } catch {
    return undefined;
  }
}
