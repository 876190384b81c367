import { connect as connectTcp, isIPv4, isIPv6, type Socket } from 'node:net';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { utf8 } from '../core/bytes.js';

/**
 * The client's side of SOCKS 5 (RFC 1928) with user name and password (RFC 1929), and no other method: a proxy that does not look at
 * them cannot keep circuits apart. A host is passed on as it is written, so that nobody looks its name up here.
 */

export interface SocksProxy {
  /** A name or an address; without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface SocksConnection {
  readonly proxy: SocksProxy;
  /** Printable ASCII, 1 to 255 characters each. */
  readonly username: string;
  readonly password: string;
  readonly host: string;
  readonly port: number;
  /** For the whole of it: a proxy may take a while to find a way. */
  readonly timeoutMs: number;
}

const version = 5;
const passwordMethod = 2;
const passwordVersion = 1;
const connectCommand = 1;
const addressTypes = { ipv4: 1, name: 3, ipv6: 4 } as const;

/** RFC 1928 §6. */
const refusals = [
  'it failed',
  'its rules do not allow it',
  'the network cannot be reached',
  'the host cannot be reached',
  'nothing listens there',
  'it took too long',
  'it does not connect',
  'it does not take such addresses',
];

/** Connects to a host through a proxy. @throws ImpulsError `network` */
export async function connectSocks(connection: SocksConnection): Promise<Socket> {
  const { proxy, timeoutMs } = connection;
  const name = nameOf(proxy);
  const socket = connectTcp({ host: proxy.host, port: proxy.port });
  socket.setNoDelay(true);
  // Between two readers nobody else listens.
  socket.on('error', () => {});
  const timer = setTimeout(
    () => socket.destroy(failed(`the proxy ${name} does not answer in time`)),
    timeoutMs,
  );
  try {
    await shakeHands(socket, connection);
    return socket;
  } catch (cause) {
    socket.destroy();
    if (isImpulsError(cause)) throw cause;
    throw failed(`the proxy ${name} cannot be reached${reasonOf(cause)}`, cause);
  } finally {
    clearTimeout(timer);
  }
}

async function shakeHands(
  socket: Socket,
  { proxy, username, password, host, port }: SocksConnection,
): Promise<void> {
  const name = nameOf(proxy);
  const take = reader(socket, name);
  socket.write(Uint8Array.of(version, 1, passwordMethod));
  const [spoken, method] = await take(2);
  if (spoken !== version) throw failed(`${name} is no SOCKS 5 proxy`);
  if (method !== passwordMethod) {
    throw failed(`the proxy ${name} takes no user names, so it cannot keep circuits apart`, undefined, {
      hint: 'Use one that does, as Tor: with IsolateSOCKSAuth, which it has on by default.',
    });
  }
  socket.write(Buffer.concat([Uint8Array.of(passwordVersion), ...[username, password].map(withLength)]));
  const [, status] = await take(2);
  if (status !== 0) throw failed(`the proxy ${name} refuses the user names that are drawn for circuits`);
  const ports = Uint8Array.of(port >> 8, port & 0xff);
  socket.write(Buffer.concat([Uint8Array.of(version, connectCommand, 0), addressOf(host), ports]));
  const [, reply = 0, , type] = await take(4);
  if (reply !== 0) {
    throw failed(
      `the proxy ${name} does not connect to ${host}: ${refusals[reply - 1] ?? `it says ${reply}`}`,
      undefined,
      { hint: 'Check the address, and that the vendor is up. Nothing was sent.' },
    );
  }
  const length = type === addressTypes.name ? (await take(1))[0]! : type === addressTypes.ipv6 ? 16 : 4;
  await take(length + 2);
}

/** Takes bytes off a socket, exactly so many, and leaves the rest to whoever reads next. */
function reader(socket: Socket, name: string): (length: number) => Promise<Uint8Array> {
  return (length) =>
    new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        socket.off('readable', look).off('error', reject).off('close', closed);
        end();
      };
      const look = (): void => {
        const bytes = socket.read(length) as Uint8Array | null;
        if (bytes?.length === length) settle(() => resolve(bytes));
        else if (bytes) settle(() => reject(failed(`the proxy ${name} hung up`)));
      };
      const closed = (): void => settle(() => reject(failed(`the proxy ${name} hung up`)));
      socket.on('readable', look).once('error', reject).once('close', closed);
      look();
    });
}

function addressOf(host: string): Uint8Array {
  if (isIPv4(host)) return Uint8Array.of(addressTypes.ipv4, ...host.split('.').map(Number));
  if (isIPv6(host)) return Uint8Array.of(addressTypes.ipv6, ...ipv6Bytes(host));
  return Buffer.concat([Uint8Array.of(addressTypes.name), withLength(host)]);
}

/** `URL` writes an address in its shortest form, without an IPv4 part. */
function ipv6Bytes(host: string): number[] {
  const [left = '', right] = host.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const zeros = Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...(right === undefined ? [] : zeros), ...tail].flatMap((group) => {
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 0xff];
  });
}

function withLength(text: string): Uint8Array {
  const bytes = utf8(text);
  if (bytes.length === 0 || bytes.length > 255) throw failed('a name of more than 255 bytes');
  return Uint8Array.of(bytes.length, ...bytes);
}

function nameOf({ host, port }: SocksProxy): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: ': nothing listens there',
  ENOTFOUND: ': there is no such host',
  ECONNRESET: ': it hung up',
};

function reasonOf(error: unknown): string {
  return reasons[String((Object(error) as { readonly code?: unknown }).code)] ?? '';
}

function failed(
  message: string,
  cause?: unknown,
  {
    hint = 'Start it, or see that its address is right. Nothing was sent, and nothing goes without it.',
  } = {},
): ImpulsError {
  return new ImpulsError('network', message, { hint, cause });
}
