/**
 * Memory of `impuls pack` and `impuls fetch` over large files: each command's peak resident set for a small file and for a large
 * one, 2 GB by default. Not part of `npm run bench`: it takes a minute and 4 GB of disk. `--megabytes 2000`, `--json`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** The peak resident set of a process so far, in MB; 0 once it is gone. */
function peakOf(pid) {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1000;
  } catch {
    return 0;
  }
}

/** Runs the command line to its end. @returns its output, seconds and peak in MB */
async function impuls(folder, args, stdout = 'pipe') {
  const start = process.hrtime.bigint();
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, IMPULS_HOME: join(folder, 'home') },
    stdio: ['ignore', stdout, 'inherit'],
  });
  let out = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => (out += text));
  let peak = 0;
  const watching = setInterval(() => (peak = Math.max(peak, peakOf(child.pid))), 20);
  const [code] = await once(child, 'close');
  clearInterval(watching);
  if (code !== 0) throw new Error(`impuls ${args[0]} ended with ${code}`);
  return { out, peak, seconds: Number(process.hrtime.bigint() - start) / 1e9 };
}

/** A host that knows files and ranges, and nothing else. */
async function serveFiles(folder) {
  const server = createServer((req, res) => {
    const file = join(folder, req.url);
    const { size } = statSync(file);
    const from = Number(/^bytes=(\d+)-$/.exec(req.headers.range ?? '')?.[1] ?? 0);
    res.writeHead(from > 0 ? 206 : 200, {
      'Content-Length': size - from,
      ...(from > 0 && { 'Content-Range': `bytes ${from}-${size - 1}/${size}` }),
    });
    createReadStream(file, { start: from }).pipe(res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function startVendor(folder) {
  const child = spawn(process.execPath, [program, 'vendor', 'serve', 'shop'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export async function run({ megabytes = 2000 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'impuls-download-'));
  const origin = `http://127.0.0.1:${await freePort()}`;
  const sizes = { small: 16, large: megabytes };
  const closing = [];
  try {
    await impuls(folder, ['vendor', 'init', 'shop', '--origin', origin, '--denominations', '100']);
    mkdirSync(join(folder, 'plain'));
    const results = {};
    for (const [name, size] of Object.entries(sizes)) {
      writeFileSync(join(folder, 'plain', name), '');
      truncateSync(join(folder, 'plain', name), size * 1_000_000);
    }
    const vendor = await startVendor(folder);
    closing.push(() => vendor.kill());
    const host = await serveFiles(join(folder, 'cdn'));
    closing.push(() => host.close());
    const at = `http://127.0.0.1:${host.address().port}`;
    const { codes } = JSON.parse((await impuls(folder, ['voucher', 'create', 'shop'])).out);
    await impuls(folder, ['redeem', origin, codes[0]]);
    for (const [name, size] of Object.entries(sizes)) {
      const from = join('plain', name);
      const pack = await impuls(folder, ['pack', from, '--price', '1', '--vendor', 'shop', '--out', 'cdn']);
      rmSync(join(folder, from));
      const url = `${at}/${name}.sealed`;
      const toFile = await impuls(folder, ['fetch', url, '--max', '1', '-o', 'opened']);
      if (statSync(join(folder, 'opened')).size !== size * 1_000_000)
        throw new Error('another length came out');
      rmSync(join(folder, 'opened'));
      const toPipe = await impuls(folder, ['fetch', url], 'ignore');
      const figure = ({ peak, seconds }) => ({
        peakMB: Math.round(peak),
        MBPerSecond: Math.round(size / seconds),
      });
      results[name] = {
        megabytes: size,
        pack: figure(pack),
        fetchToFile: figure(toFile),
        fetchToPipe: figure(toPipe),
      };
      rmSync(join(folder, 'cdn', `${name}.sealed`));
    }
    return results;
  } finally {
    for (const close of closing.reverse()) close();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const at = process.argv.indexOf('--megabytes');
  const results = await run(at === -1 ? {} : { megabytes: Number(process.argv[at + 1]) });
  console.log(process.argv.includes('--json') ? JSON.stringify(results) : results);
}
