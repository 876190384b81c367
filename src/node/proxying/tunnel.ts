import { ServerResponse, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Header } from '../../server/index.js';

/** Connections that speak another protocol once both sides have agreed on it: WebSockets. */

/** A request for another protocol, and what came with it. */
export interface Upgrading {
  readonly socket: Socket;
  /** What the client has sent already. */
  readonly head: Buffer;
}

/** An answer to a request for another protocol, as to any other request: then the connection ends. */
export function answerOn(req: IncomingMessage, socket: Socket): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  socket.on('error', () => socket.destroy());
  socket.on('drain', () => res.emit('drain'));
  res.once('finish', () => socket.end());
  return res;
}

/** Tells the client that the upstream has agreed, and joins the two. Ends with the first of them. */
export function joinTunnel(
  res: ServerResponse,
  { socket, head }: Upgrading,
  upstream: Duplex,
  headers: IncomingHttpHeaders,
  more: readonly Header[],
): void {
  res.detachSocket(socket);
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade'];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || dropped.has(name)) continue;
    for (const one of [value].flat()) lines.push(`${name}: ${one}`);
  }
  for (const [name, value] of more) lines.push(`${name}: ${value}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (head.length > 0) upstream.write(head);
  for (const [from, to] of [
    [socket, upstream],
    [upstream, socket],
  ] as const) {
    from.pipe(to);
    from.once('error', () => to.destroy());
    from.once('close', () => to.destroy());
  }
}

const dropped: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
  'payment-receipt',
  'impuls-state',
]);
