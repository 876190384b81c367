import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { manifest, readManifest, root } from './manifest.js';

/** Whoever adds one answers for it: what it is for, who maintains it, what it brings along. */
const allowed = ['@noble/curves', '@noble/hashes', '@panva/hpke-noble', 'cli-table3', 'hpke'];

const licences = ['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC'];

/** The folder of a package, as Node looks for it from another. */
function locate(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

/** The folders of all packages that come with one, by way of any other. */
function installedWith(folder: string, seen = new Set<string>()): ReadonlySet<string> {
  const { dependencies = {}, optionalDependencies = {} } = readManifest(folder);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const found = locate(name, folder);
    if (!found && !(name in optionalDependencies))
      expect.fail(`${name}, needed by ${folder}, is not installed`);
    if (!found || seen.has(found)) continue;
    seen.add(found);
    installedWith(found, seen);
  }
  return seen;
}

describe('the dependencies', () => {
  it('are on the allow-list', () => {
    expect(Object.keys(manifest.dependencies ?? {}).sort()).toEqual(allowed);
    expect(manifest.optionalDependencies).toBeUndefined();
    expect(Object.keys(manifest.peerDependencies ?? {})).toEqual([
      '@modelcontextprotocol/sdk',
      '@x402/core',
      'better-sqlite3',
      'express',
      'fastify',
      'hono',
      'mppx',
      'pdfkit',
      'pg',
      'prom-client',
      'qrcode',
      'stripe',
      'undici',
      'zod',
    ]);
  });

  it('have a permissive licence, each package that comes along included', () => {
    const installed = [...installedWith(root)].map(readManifest);
    expect(installed.length).toBeGreaterThan(allowed.length);
    const others = installed
      .filter(({ license }) => !licences.includes(license ?? ''))
      .map(({ name, version, license }) => `${name} ${version}: ${license ?? 'none'}`);
    expect(others).toEqual([]);
  });
});
