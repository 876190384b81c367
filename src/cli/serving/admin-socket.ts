import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join, relative } from 'node:path';
import { ImpulsError, isImpulsError, type ErrorCode } from '../../core/errors.js';
import { parseJson, type JsonValue } from '../../core/wire/canonical-json.js';

/**
 * A ledger on SQLite has one owner: the server, while it runs. Other commands ask it over a socket in the vendor folder that only the
 * owner of the folder can open. One line of JSON goes in, one comes out. Of servers that share a ledger in a database each has its own
 * socket: any of them can answer for the ledger, and each for what it has in memory.
 *
 *   {"do":"reload"}                                        → {"ok":{"document":"<D of the key document that is served now>"}}
 *   {"do":"quarantined"}, {"do":"lift-quarantine"}         → {"ok":[…]}, the keys that are or were held
 *   {"do":"totals"}                                        → {"ok":{…}}
 *   {"do":"create-vouchers","items":[…],"count":3}         → {"ok":[…]} or {"error":{"code","message","hint"}}
 *   {"do":"status"}                                        → {"ok":{"totals":{…},"failures":{…}}}
 *   {"do":"books"}                                         → {"ok":[…]}, the movements of all days
 *   {"do":"health"}                                        → {"ok":{"since":…,"failures":{…},"activity":[…]}}
 *   {"do":"evidence","card":"<id>"}                        → {"ok":{"evidence":{…}}}, or {"ok":null} where there is none
 *   {"do":"sale","name":"cs_live_…","state":"void"}        → {"ok":{"sale":{…}}}; `state` only to change it
 *   {"do":"refunds"}                                       → {"ok":[…]}
 *   {"do":"pay-refund","order":"<hash of the reference>"}  → {"ok":"paid"}, "repeated" or "unknown"
 *   {"do":"batches"}, and what else is about them: see admin-batches.ts
 */
export type AdminHandler = (request: JsonValue) => Promise<unknown>;

export interface AdminSocket {
  close(): Promise<void>;
}

const maxLine = 1 << 20;
/** Of what the server answers: the books of many years are long. */
const maxReply = 1 << 28;
/** What the platform allows for the path of a socket, less the byte that ends it. */
const maxSocketPath = 103;
const patienceMs = 30_000;

/** The socket of the one server that owns a ledger; those of servers that share one have a random name each. */
const ownSocket = 'admin.sock';
const sharedSocket = /^admin-[0-9a-f]{8}\.sock$/;

function socketPath(folder: string, name: string): string {
  const absolute = join(folder, name);
  const near = relative(process.cwd(), absolute);
  return near.length < absolute.length ? near : absolute;
}

/**
 * To be called by who has the ledger open.
 *
 * @param who `owner`: a socket of that name that is there was left behind. `one-of-many`: others may listen as well
 * @returns undefined where the path of the folder is too long for a socket
 */
export async function listenForAdmin(
  folder: string,
  who: 'owner' | 'one-of-many',
  handle: AdminHandler,
): Promise<AdminSocket | undefined> {
  const name = who === 'owner' ? ownSocket : `admin-${randomBytes(4).toString('hex')}.sock`;
  const path = socketPath(folder, name);
  if (Buffer.byteLength(path) > maxSocketPath) return undefined;
  if (who === 'owner') await rm(path, { force: true });
  else await removeDead(folder);
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    readLine(socket, maxLine)
      .then((line) => answer(line, handle))
      .then((reply) => socket.end(`${JSON.stringify(reply)}\n`))
      .catch(() => socket.destroy());
  });
  // The file is made within listen(); nobody else may open it from its first moment on.
  const mask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  await new Promise<void>((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function answer(line: string, handle: AdminHandler): Promise<object> {
  try {
    return { ok: await handle(parseJson(line)) };
  } catch (error) {
    if (!isImpulsError(error))
      return { error: { code: 'storage-failed', message: 'the server could not do it' } };
    return { error: { code: error.code, message: error.message, hint: error.hint } };
  }
}

/** Sockets of servers that were killed. */
async function removeDead(folder: string): Promise<void> {
  for (const name of await socketsIn(folder)) {
    const path = socketPath(folder, name);
    const socket = await connected(path);
    socket?.destroy();
    if (!socket) await rm(path, { force: true });
  }
}

/** Those that have names of their own first. */
async function socketsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return [...names.filter((name) => sharedSocket.test(name)).sort(), ownSocket];
}

async function connected(path: string): Promise<Socket | undefined> {
  if (Buffer.byteLength(path) > maxSocketPath) return undefined;
  const socket = connect(path);
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
  if (!isOpen) return undefined;
  return socket.on('error', () => socket.destroy());
}

/** @returns undefined if no server listens in that folder @throws ImpulsError what the server says, or `storage-failed` */
export async function askAdmin(
  folder: string,
  request: object,
): Promise<{ readonly ok: unknown } | undefined> {
  for (const name of await socketsIn(folder)) {
    const socket = await connected(socketPath(folder, name));
    if (socket) return { ok: await ask(socket, request) };
  }
  return undefined;
}

/** The same of every server that listens in that folder. @returns what each says */
export async function askEvery(folder: string, request: object): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const name of await socketsIn(folder)) {
    const socket = await connected(socketPath(folder, name));
    if (socket) answers.push(await ask(socket, request));
  }
  return answers;
}

async function ask(socket: Socket, request: object): Promise<unknown> {
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    const reply = JSON.parse(await readLine(socket, maxReply)) as {
      readonly ok?: unknown;
      readonly error?: { readonly code: ErrorCode; readonly message: string; readonly hint?: string };
    };
    if (!reply.error) return reply.ok;
    const { code, message, hint } = reply.error;
    throw new ImpulsError(code, message, hint === undefined ? {} : { hint });
  } finally {
    socket.destroy();
  }
}

/** The first line that arrives, without its end. */
function readLine(socket: Socket, most: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const fail = (what: string): void =>
      reject(new ImpulsError('storage-failed', `the vendor's server ${what}`));
    socket.setEncoding('utf8').setTimeout(patienceMs);
    socket.on('data', (chunk: string) => {
      const end = chunk.indexOf('\n');
      text += end === -1 ? chunk : chunk.slice(0, end);
      if (end !== -1) resolve(text);
      else if (text.length > most) fail('was sent too much');
    });
    socket.once('timeout', () => fail('does not answer'));
    socket.once('close', () => fail('hung up'));
  });
}
