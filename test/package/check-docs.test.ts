import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root } from './manifest.js';

/** The check of the documents, on documents that are wrong: it has to say so. */

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-check-docs-'));
  await mkdir(join(folder, 'docs'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const block = (info: string, ...lines: string[]): string => ['```' + info, ...lines, '```'].join('\n');

/** @returns the exit code, and the first line of each complaint */
async function check(documents: Readonly<Record<string, string>>): Promise<readonly [number, string[]]> {
  for (const [file, text] of Object.entries(documents)) await writeFile(join(folder, file), text);
  const child = spawn(process.execPath, [join(root, 'tools/check-docs.mjs'), folder]);
  let complaints = '';
  child.stderr.on('data', (chunk) => (complaints += String(chunk)));
  const code = await new Promise<number>((resolve) => child.on('close', resolve));
  return [code, complaints.split('\n').filter((line) => /^\S/.test(line))];
}

describe('the check of the documents', () => {
  it('is content with blocks that hold, and runs those that say so', async () => {
    const documents = {
      'README.md': [
        '# One [two](docs/a.md) `three`',
        block('ts', "import { limits } from 'impuls';", 'let bytes: number = limits.credentialBytes;'),
        block('ts more run', 'bytes += 1;', 'if (bytes < 2) throw bytes;'),
        block('json', '{}'),
        '[here](#one-two-three) `npm run build`',
      ].join('\n'),
      'docs/a.md': [
        block('sh run', 'name=world', 'impuls --version | grep impuls', '(echo ready; exec sleep 60) &'),
        '[there](../README.md#one-two-three)',
        block('sh run', 'test "$name" = world', 'grep ready "$STAGE"/.server-*'),
      ].join('\n'),
    };
    expect(await check(documents)).toEqual([0, []]);
  });

  it('names file and line of a link, a command, an option and a block that are wrong', async () => {
    const [code, complaints] = await check({
      'README.md': [
        '[a](nowhere.md) `[b](code.md)` [c](#nothing)',
        '`npm run nonsense`, `impuls sell`, `impuls vendor`',
        block('sh', 'npm ci', 'impuls cards --loud  # see `impuls sell`'),
        block('json', '{'),
        block('bash', 'true'),
        block('sh fast', 'true'),
      ].join('\n'),
    });
    expect(code).toBe(1);
    expect(complaints.map((line) => line.replace(/(no JSON): .*/, '$1'))).toEqual([
      'README.md:1 the link nowhere.md leads nowhere',
      'README.md:1 the link #nothing leads to no heading of README.md',
      'README.md:2 package.json has no script "nonsense"',
      'README.md:2 there is no command `impuls sell`',
      'README.md:5 `impuls cards` has no option --loud',
      'README.md:8 this is no JSON',
      'README.md:10 write sh for bash',
      'README.md:13 "sh fast" means nothing',
    ]);
  });

  it('names file and line of a block that does not compile or fails when it is run', async () => {
    const [code, complaints] = await check({
      'README.md': [
        block('ts', "import { nothing } from 'impuls';"),
        block('ts run', "throw new Error('no')"),
        block('sh run', 'true', 'false', 'exit 0'),
      ].join('\n'),
      'docs/a.md': block('sh run', '# a server that ends at once', '(exit 3) &', 'true'),
    });
    expect(code).toBe(1);
    expect(complaints).toEqual([
      "README.md:2 Module '\"impuls\"' has no exported member 'nothing'.",
      'README.md:5 ended with 1',
      'README.md:9 ended with 1',
      'docs/a.md:3 ended with 1',
    ]);
  });
});
