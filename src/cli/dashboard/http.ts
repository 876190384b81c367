import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { equalText } from '../../core/bytes.js';
import { ImpulsError, isImpulsError, type ErrorCode } from '../../core/errors.js';
import { mediaTypeOf } from '../../core/media-types.js';
import type { PageFiles } from '../serving/page-files.js';

/**
 * A page and an interface for the operator alone, on a port of this machine that every program and every web page of it can
 * reach. So: a token in each call of the interface, which comes to the page in the fragment of a link, and is sent nowhere else;
 * and only the names of this machine in Host, so that no name of somebody else leads here (DNS rebinding).
 */
export interface OperatorServer {
  /** `http://127.0.0.1:8403`. */
  readonly address: string;
  close(): Promise<void>;
}

export interface OperatorOptions {
  /** 0 for any that is free. */
  readonly port: number;
  readonly page: PageFiles;
  /** Secret. */
  readonly token: string;
  /** By method and path, `GET /api/state`. Called with the token checked. */
  readonly calls: Readonly<Record<string, OperatorCall>>;
  readonly onError: (error: unknown) => void;
}

/** @returns what is said as JSON; undefined if it has answered itself */
export type OperatorCall = (request: OperatorRequest) => Promise<object | undefined>;

export interface OperatorRequest {
  readonly query: URLSearchParams;
  readonly res: ServerResponse;
  /** @throws ImpulsError `too-large` */
  readonly body: (maxBytes: number) => Promise<Uint8Array>;
}

const host = '127.0.0.1';

const headers: Readonly<Record<string, string>> = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** @throws ImpulsError `network` if the port is taken */
export async function startOperatorServer(options: OperatorOptions): Promise<OperatorServer> {
  const server = createServer((req, res) => {
    answer(req, res).catch((error: unknown) => {
      const code = isImpulsError(error) ? error.code : undefined;
      if (code === undefined) options.onError(error);
      if (res.headersSent) res.destroy();
      else sendError(res, statuses[code ?? 'storage-failed'] ?? 500, error);
    });
  });
  await new Promise<void>((resolve, reject) =>
    server.listen(options.port, host, resolve).once('error', reject),
  ).catch((cause: unknown) => {
    throw new ImpulsError('network', `cannot listen on port ${options.port}`, {
      cause,
      hint: 'Choose another --port, or 0 for any that is free.',
    });
  });
  const { port } = server.address() as AddressInfo;
  const names = [`${host}:${port}`, `localhost:${port}`];

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    res.setHeader('Cache-Control', 'no-store');
    if (!names.includes(req.headers.host ?? '')) {
      sendText(res, 421, 'This is the dashboard of another name.');
      return;
    }
    const target = `http://${host}${req.url ?? '/'}`;
    const { pathname, searchParams } = new URL(URL.canParse(target) ? target : `http://${host}/none`);
    if (!pathname.startsWith('/api/')) {
      sendFile(req, res, options.page, pathname.slice(1) || 'index.html');
      return;
    }
    const { origin, authorization = '' } = req.headers;
    const isForeign = origin !== undefined && !names.includes(origin.slice('http://'.length));
    if (isForeign || !equalText(authorization, `Bearer ${options.token}`)) {
      const hint = 'Open the link that `impuls vendor dashboard` printed.';
      sendJson(res, 401, {
        error: { code: 'unauthorized', message: 'this dashboard has another token', hint },
      });
      return;
    }
    const call = options.calls[`${req.method} ${pathname}`];
    if (!call) {
      sendText(res, 404, 'There is nothing here.');
      return;
    }
    const result = await call({
      query: searchParams,
      res,
      body: (maxBytes) => readBody(req, maxBytes),
    });
    if (result) sendJson(res, 200, result);
  }

  return {
    address: `http://${host}:${port}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  'too-large': 413,
  malformed: 400,
  'invalid-argument': 400,
  unsupported: 501,
  'storage-locked': 503,
};

function sendFile(req: IncomingMessage, res: ServerResponse, { files }: PageFiles, name: string): void {
  const bytes = files.get(name);
  if (!bytes || (req.method !== 'GET' && req.method !== 'HEAD')) {
    sendText(res, bytes ? 405 : 404, 'There is nothing here.');
    return;
  }
  res.writeHead(200, { 'Content-Type': mediaTypeOf(name), 'Content-Length': bytes.length });
  res.end(req.method === 'HEAD' ? undefined : bytes);
}

function sendJson(res: ServerResponse, status: number, value: object): void {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

function sendText(res: ServerResponse, status: number, text: string): void {
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

/** As the page shows it: what, and the next move. Nothing else of an error leaves this process. */
function sendError(res: ServerResponse, status: number, error: unknown): void {
  const told = isImpulsError(error)
    ? { code: error.code, message: error.message, hint: error.hint }
    : { code: 'internal', message: 'the dashboard could not do it', hint: 'See what its terminal says.' };
  sendJson(res, status, { error: told });
}

async function readBody(req: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of req as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxBytes) throw new ImpulsError('too-large', `at most ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
