import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { mediaTypeOf } from '../../core/media-types.js';
import type { StaticRoute } from '../../node/vendor/settings.js';
import type { ServedRoute } from './vendor-server.js';

/** Serves the files of a folder. @param base the vendor folder */
export function serveStatic(base: string, { path, price, folder }: StaticRoute): ServedRoute {
  const root = resolve(base, folder);
  const stem = path.endsWith('*') ? path.slice(0, -1) : undefined;
  return {
    path,
    price,
    summary: stem === undefined ? 'A file' : 'Files of a folder',
    async find(pathname) {
      // A route without a star names one file: the last segment of its path.
      const rest =
        stem === undefined ? pathname.slice(pathname.lastIndexOf('/') + 1) : pathname.slice(stem.length);
      const file = await findFile(root, rest);
      if (!file) return undefined;
      return async (req, res) => {
        res.writeHead(200, { 'Content-Type': mediaTypeOf(file.path), 'Content-Length': file.bytes });
        if (req.method === 'HEAD') res.end();
        else await pipeline(createReadStream(file.path), res);
      };
    },
  };
}

/** A file below the folder: no way out, no hidden files, `index.html` for a folder. */
async function findFile(
  root: string,
  rest: string,
): Promise<{ readonly path: string; readonly bytes: number } | undefined> {
  let segments: string[];
  try {
    segments = decodeURIComponent(rest).split('/');
  } catch {
    return undefined;
  }
  const names = segments.filter((segment) => segment !== '');
  if (names.some((name) => name.startsWith('.') || /[\\\0]/.test(name))) return undefined;
  try {
    const inside = (await realpath(root)) + sep;
    let path = await realpath(join(root, ...names));
    let found = await stat(path);
    if (found.isDirectory()) {
      path = await realpath(join(path, 'index.html'));
      found = await stat(path);
    }
    return found.isFile() && path.startsWith(inside) ? { path, bytes: found.size } : undefined;
  } catch {
    return undefined;
  }
}
