/** What each takes up: state at the vendor, packages to install, code that a page loads. */
import { execFile } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { measureBundle } from '../bundle.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/** What one needs to take and make payments, as its package's own guide has it. */
const installs = {
  mppx: ['mppx', 'viem'],
  'x402 exact': ['@x402/core', '@x402/evm', '@x402/fetch'],
  Cashu: ['@cashu/cashu-ts'],
  L402: ['macaroon'],
  'Privacy Pass': ['@cloudflare/privacypass-ts'],
};

/** A client that pays, in the words of each package. */
const clients = {
  mppx: `
    export { Mppx, tempo } from 'mppx/client';
    export { privateKeyToAccount } from 'viem/accounts';`,
  'x402 exact': `
    export { wrapFetchWithPayment, x402Client } from '@x402/fetch';
    export { ExactEvmScheme } from '@x402/evm/exact/client';
    export { privateKeyToAccount } from 'viem/accounts';`,
  Cashu: `export { Wallet, getEncodedToken } from '@cashu/cashu-ts';`,
  L402: `export { importMacaroon, base64ToBytes } from 'macaroon';`,
  'Privacy Pass': `export { header_to_token, publicVerif } from '@cloudflare/privacypass-ts';`,
};

function sizeOf(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += entry.name === 'node_modules' ? 0 : sizeOf(path);
    else bytes += lstatSync(path).size;
  }
  return bytes;
}

/** The packages that these need, themselves included, by their places in a lock file: as Node would find them. */
function closure(lock, names) {
  const places = new Set();
  const add = (name, from) => {
    for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
      const place = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
      const found = lock.packages[place];
      if (!found && at !== '') continue;
      if (!found || places.has(place)) return;
      places.add(place);
      for (const needed of Object.keys(found.dependencies ?? {})) add(needed, place);
      // Peers are installed with it unless they are optional.
      for (const peer of Object.keys(found.peerDependencies ?? {})) {
        if (!found.peerDependenciesMeta?.[peer]?.optional) add(peer, place);
      }
      return;
    }
  };
  for (const name of names) add(name, '');
  return places;
}

function weighInstall(folder, names) {
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  const places = [...closure(lock, names)].filter((place) => existsSync(join(folder, place)));
  return { packages: places.length, bytes: places.reduce((sum, at) => sum + sizeOf(join(folder, at)), 0) };
}

/** impuls as it is published, with what it depends on; the optional SQLite, which its ledger needs, apart. */
async function weighOwn() {
  const run = promisify(execFile);
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    maxBuffer: 2 ** 26,
  });
  const packed = JSON.parse(stdout);
  const { unpackedSize } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const needed = weighInstall(root, Object.keys(dependencies));
  const sqlite = weighInstall(root, ['better-sqlite3']);
  return {
    impuls: { packages: needed.packages + 1, bytes: needed.bytes + unpackedSize },
    'impuls with better-sqlite3': {
      packages: needed.packages + 1 + sqlite.packages,
      bytes: needed.bytes + unpackedSize + sqlite.bytes,
    },
  };
}

export async function measureInstalls() {
  const peers = Object.entries(installs).map(([name, names]) => [name, weighInstall(here, names)]);
  return { ...(await weighOwn()), ...Object.fromEntries(peers) };
}

/** @returns bytes, minified and gzipped, of all that the client may load in a page */
async function bundleClient(name, code) {
  const id = join(here, 'client.js');
  const bundle = await rolldown({
    input: 'client',
    platform: 'browser',
    cwd: here,
    logLevel: 'silent',
    plugins: [
      {
        name: 'client',
        resolveId: (asked) => (asked === 'client' ? id : null),
        load: (asked) => (asked === id ? code : null),
      },
    ],
  });
  try {
    const { output } = await bundle.generate({ format: 'es', minify: true });
    return output.reduce((sum, { code: text = '' }) => sum + gzipSync(text, { level: 9 }).length, 0);
  } finally {
    await bundle.close();
  }
}

export async function measureBundles() {
  const { start, later } = await measureBundle();
  const sizes = { impuls: start + later };
  for (const [name, code] of Object.entries(clients)) sizes[name] = await bundleClient(name, code);
  return sizes;
}
