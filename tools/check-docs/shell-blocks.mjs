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
  for (const document of documents) {
    const blocks = document.blocks.filter(
      ({ language, flags }) => language === 'sh' && flags.includes('run'),
    );
    const absent = blocks.flatMap(packagesOf).find((name) => !isThere(name));
    if (absent === undefined || process.env.IMPULS_PLATFORMS === 'required') {
      if (blocks.length > 0) await runBlocks(document, blocks, report);
    } else {
      console.log(`${document.file} is not run: npm install --prefix test/platforms brings ${absent}`);
    }
  }
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
