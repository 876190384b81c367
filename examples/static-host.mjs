import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A dumb host, as any is: it gives out the files of a folder, whole or in part, to pages from anywhere, and knows of nothing else. */

const types = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.m4s': 'video/iso.segment',
  '.mp4': 'video/mp4',
  '.svg': 'image/svg+xml',
  '.ts': 'video/mp2t',
};

/** @param port 0 for any that is free @returns {Promise<{ origin: string, close(): Promise<void> }>} */
export async function startStaticHost(folder, port = 0) {
  const server = createServer(await serveFiles(folder));
  await new Promise((resolve, reject) => server.listen(port, '127.0.0.1', resolve).once('error', reject));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What answers requests for the files of a folder. @returns {Promise<import('node:http').RequestListener>} */
export async function serveFiles(folder) {
  const root = (await realpath(folder)) + sep;
  return (req, res) => {
    answer(root, req, res).catch(() => res.destroy());
  };
}

async function answer(root, req, res) {
  res.setHeader('Access-Control-Allow-Origin', '*');
  res.setHeader('Access-Control-Expose-Headers', 'Content-Range');
  if (req.method === 'OPTIONS') {
    res.writeHead(204, { 'Access-Control-Allow-Headers': 'Range' }).end();
    return;
  }
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.writeHead(405, { Allow: 'GET, HEAD' }).end();
    return;
  }
  const file = await findFile(root, new URL(req.url, 'http://host').pathname);
  if (!file) {
    res.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found\n');
    return;
  }
  const { path, size } = file;
  const headers = {
    'Content-Type': types[extname(path)] ?? 'application/octet-stream',
    'Cache-Control': 'no-cache',
    'Accept-Ranges': 'bytes',
  };
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '') ?? [];
  const start = Number(from ?? 0);
  const end = to ? Math.min(Number(to), size - 1) : size - 1;
  if (from !== undefined && start > end) {
    res.writeHead(416, { 'Content-Range': `bytes */${size}` }).end();
    return;
  }
  const range = from === undefined ? {} : { 'Content-Range': `bytes ${start}-${end}/${size}` };
  res.writeHead(from === undefined ? 200 : 206, { ...headers, ...range, 'Content-Length': end - start + 1 });
  if (req.method === 'HEAD' || size === 0) res.end();
  else await pipeline(createReadStream(path, { start, end }), res);
}

/** A file below the folder, with no way out of it. */
async function findFile(root, pathname) {
  try {
    const asked = join(root, decodeURIComponent(pathname));
    const path = await realpath(pathname.endsWith('/') ? join(asked, 'index.html') : asked);
    const found = await stat(path);
    return found.isFile() && path.startsWith(root) ? { path, size: found.size } : undefined;
  } catch {
    return undefined;
  }
}
