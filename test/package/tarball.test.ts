import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest, root, subpaths } from './manifest.js';

/** What a stranger gets: packed, installed into an empty folder, used by name. */

const consumer = fileURLToPath(new URL('consumer', import.meta.url));
/** The player, with hls.js in it, is an eighth of that. */
const maxPackedBytes = 2_200_000;
const maxUnpackedBytes = 8_600_000;

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: ReadonlyArray<{ readonly path: string }>;
}

let folder: string;
let packed: Packed;
let files: readonly string[];

/** @returns what it writes; rejects with that if it fails */
async function run(command: string, ...args: string[]): Promise<string> {
  const options = { cwd: folder, timeout: 100_000, maxBuffer: 1 << 24 };
  const { stdout } = await promisify(execFile)(command, args, options).catch((error: unknown) => {
    const { stdout, stderr, message } = error as Error & { stdout: string; stderr: string };
    return expect.fail(`${message}\n${stdout}\n${stderr}`);
  });
  return stdout.trim();
}

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'impuls-tarball-')));
  const listed = await run('npm', 'pack', root, '--json', '--ignore-scripts');
  packed = (JSON.parse(listed) as Packed[])[0]!;
  files = packed.files.map(({ path }) => path);
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
  await run('npm', 'install', `./${packed.filename}`, ...flags);
  await cp(consumer, folder, { recursive: true });
}, 240_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the tarball', () => {
  it('holds what is promised', () => {
    for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md', 'docs/spec.md', 'vectors/card.json']) {
      expect(files).toContain(file);
    }
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === 'string' ? target : Object.values(target),
    );
    const pages = [
      'wallet/index.html',
      'wallet/licenses.md',
      'player/index.html',
      'paywall/paywall.js',
      'dashboard/index.html',
    ];
    const built = pages.map((page) => `./dist/web/${page}`);
    for (const target of [...targets, ...built, './dist/cli/main.js'])
      expect(files).toContain(target.slice(2));
  });

  it('holds nothing else: no sources, no tests, no traces of the build', () => {
    const isExpected = (file: string): boolean =>
      /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|docs\/spec\.md|schema\/proxy\.json|vectors\/[\w./-]+\.json)$/.test(
        file,
      ) ||
      /^dist\/(?!web\/)[\w/-]+\.(?:js|js\.map|d\.ts)$/.test(file) ||
      /^dist\/web\/(?:wallet|player|paywall|dashboard)\/(?:assets\/)?[\w.-]+\.(?:js|css|html|json|svg|md)$/.test(
        file,
      );
    expect(files.filter((file) => !isExpected(file))).toEqual([]);
  });

  it('holds no module whose source is gone', async () => {
    const sources = new Set(await readdir(join(root, 'src'), { recursive: true }));
    const modules = files.filter((file) => file.endsWith('.js') && !file.startsWith('dist/web/'));
    const stale = modules.filter((file) => !sources.has(file.slice(5, -3) + '.ts'));
    expect(stale, 'npm run clean, then build').toEqual([]);
  });

  it('is small', () => {
    expect(packed.size).toBeLessThan(maxPackedBytes);
    expect(packed.unpackedSize).toBeLessThan(maxUnpackedBytes);
  });
});

describe('the installed package', () => {
  it('can be imported by each of its names without an optional peer, but for those that are for a peer', async () => {
    for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
      await expect(stat(join(folder, 'node_modules', peer))).rejects.toThrow('ENOENT');
    }
    expect(await run('node', 'import-all.mjs')).toBe(
      `imported ${subpaths.size - 3}; ./server/stripe needs stripe; ./mcp needs @modelcontextprotocol/sdk; ./mppx needs mppx`,
    );
  });

  it('derives a card, sells cards blindly, and is paid once for each request', async () => {
    expect(await run('node', 'pay.mjs')).toBe('paid');
  });

  it('says what to install where the SQLite ledger lacks its driver', async () => {
    expect(await run('node', 'without-peer.mjs')).toBe(
      'the SQLite ledger needs the package better-sqlite3 / Run npm install better-sqlite3.',
    );
  });

  it('brings the command', async () => {
    expect(await run('npx', '--no-install', 'impuls', '--version')).toBe(`impuls ${manifest.version}`);
  });

  it.each([
    ['web.ts', []],
    ['node.ts', ['node']],
  ])('has types for %s, in a package and for a bundler', (file, types) => {
    for (const options of resolutions) expect(complaints(file, { ...options, types })).toEqual([]);
  });
});

const resolutions: readonly ts.CompilerOptions[] = [
  { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
];

/** What the compiler says of a file and of the declarations that were installed; the platform's are not checked. */
function complaints(file: string, options: ts.CompilerOptions): string[] {
  const program = ts.createProgram([join(folder, file)], {
    ...options,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    typeRoots: [join(root, 'node_modules/@types')],
  });
  return program
    .getSourceFiles()
    .filter(({ fileName }) => fileName.startsWith(folder))
    .flatMap((source) => ts.getPreEmitDiagnostics(program, source))
    .map(
      ({ file, messageText }) =>
        `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
}
