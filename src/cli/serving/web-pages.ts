import { mediaTypeOf } from '../../core/media-types.js';
import { buildFile, formatBuild, pageFolder, pageNames, readPage, type PageName } from './page-files.js';
import type { RouteHandler, ServedRoute } from './vendor-server.js';

/** The pages that every vendor serves: the wallet and the player, under a policy that lets them do what they are for only. */

const closed = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

/** Keys come from vendors, films from any host; within a machine, without TLS. */
const anyHost = 'https: http://localhost:* http://127.0.0.1:*';

const policies: Readonly<Record<PageName, { readonly content: string; readonly permissions: string }>> = {
  wallet: {
    content: [
      ...closed,
      "img-src 'self'",
      "connect-src 'self'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join('; '),
    // It reads QR codes.
    permissions: 'camera=(self), microphone=(), geolocation=(), payment=(), usb=()',
  },
  player: {
    content: [...closed, "img-src 'self' blob:", 'media-src blob:', `connect-src 'self' ${anyHost}`].join(
      '; ',
    ),
    permissions: 'camera=(), microphone=(), geolocation=(), payment=(), usb=(), fullscreen=(self)',
  },
};

/** The headers of every file of a page; who hosts a page elsewhere should send them as well. */
export function pageHeaders(name: PageName): Readonly<Record<string, string>> {
  const { content, permissions } = policies[name];
  return {
    'Content-Security-Policy': content,
    'Permissions-Policy': permissions,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  };
}

/** A page and the routes that serve it. */
export interface ServedPage {
  readonly name: PageName;
  /** `/impuls/wallet/`. */
  readonly path: string;
  /** Of the build, SHA-256 in hex. */
  readonly hash: string;
  readonly routes: readonly ServedRoute[];
}

export function pagePath(name: PageName): string {
  return `/impuls/${name}/`;
}

/** The pages that are built; each is read once, so that what is served is what was hashed. */
export async function servePages(): Promise<ServedPage[]> {
  const pages = await Promise.all(pageNames.map(servePage));
  return pages.filter((page) => page !== undefined);
}

async function servePage(name: PageName): Promise<ServedPage | undefined> {
  const page = await readPage(pageFolder(name));
  if (!page) return undefined;
  const path = pagePath(name);
  const files = new Map<string, Uint8Array>([
    ...page.files,
    [buildFile, new TextEncoder().encode(formatBuild(page))],
  ]);
  const headers = pageHeaders(name);
  const summary = `The ${name} page`;
  const route: ServedRoute = {
    path: `${path}*`,
    price: 0,
    summary,
    async find(pathname) {
      const file = pathname.slice(path.length) || 'index.html';
      const bytes = files.get(file);
      return bytes && sendFile(file, bytes, headers);
    },
  };
  const bare: ServedRoute = {
    path: path.slice(0, -1),
    price: 0,
    summary,
    find: async () => redirectTo(path),
  };
  return { name, path, hash: page.hash, routes: [route, bare] };
}

function sendFile(file: string, bytes: Uint8Array, headers: Readonly<Record<string, string>>): RouteHandler {
  // The names of assets hold a hash of what is in them.
  const lasting = file.startsWith('assets/');
  return (req, res) => {
    res.writeHead(200, {
      ...headers,
      'Content-Type': mediaTypeOf(file),
      'Content-Length': bytes.length,
      'Cache-Control': lasting ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    res.end(req.method === 'HEAD' ? undefined : bytes);
  };
}

function redirectTo(path: string): RouteHandler {
  return (_req, res) => {
    res.writeHead(308, { Location: path }).end();
  };
}
