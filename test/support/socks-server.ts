import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A SOCKS 5 server on loopback that writes down who asks for what, and sends each user name on from an address of its own. */

export interface Asked {
  readonly methods: readonly number[];
  readonly username: string;
  readonly password: string;
  /** 1: IPv4, 3: a name, 4: IPv6. */
  readonly addressType: number;
  /** As it came. */
  readonly host: string;
  readonly port: number;
  /** Where the server connected from. */
  readonly exit: string;
}

/** What a host sees of a connection. */
export interface HostConnection {
  /** The address and the port that it comes from. */
  readonly from: string;
  readonly exit: string;
}

export interface SocksServerOptions {
  /** Where a host really is; undefined: nowhere. */
  readonly route: (
    host: string,
    port: number,
  ) => { readonly host?: string; readonly port: number } | undefined;
  /** The method that it chooses. Default 2: user name and password. */
  readonly method?: number;
  /** The status of the authentication. Default 0: good. */
  readonly status?: number;
  /** Told of everything that a host gets and gives, by the connection with it. */
  readonly onBytes?: (connection: HostConnection, way: 'there' | 'back', bytes: Buffer) => void;
  /** Writes its answers a byte at a time. */
  readonly slowly?: boolean;
}

export interface SocksServer {
  /** `socks5h://127.0.0.1:port`. */
  readonly url: string;
  readonly asked: readonly Asked[];
  /** TCP connections that were made to it. */
  connections(): number;
  close(): Promise<void>;
}

export async function startSocksServer(options: SocksServerOptions): Promise<SocksServer> {
  const { route, method = 2, status = 0, slowly = false, onBytes } = options;
  const asked: Asked[] = [];
  const exits = new Map<string, string>();
  const sockets = new Set<Socket>();
  let connections = 0;

  /** 127.1.0.1 and on: loopback is a whole network. */
  function exitOf(username: string): string {
    const n = exits.size + 1;
    const exit = exits.get(username) ?? `127.1.${n >> 8}.${n & 0xff}`;
    exits.set(username, exit);
    return exit;
  }

  async function answer(socket: Socket, bytes: readonly number[]): Promise<void> {
    for (const piece of slowly ? bytes.map((byte) => [byte]) : [bytes]) {
      await new Promise<void>((resolve) => socket.write(Uint8Array.from(piece), () => resolve()));
    }
  }

  async function serve(socket: Socket): Promise<void> {
    const [, count = 0] = await take(socket, 2);
    const methods = [...(await take(socket, count))];
    await answer(socket, [5, method]);
    if (method === 0xff) return void socket.end();
    const text = async (): Promise<string> => String(await take(socket, (await take(socket, 1))[0]!));
    let [username, password] = ['', ''];
    if (method === 2) {
      await take(socket, 1);
      username = await text();
      password = await text();
      await answer(socket, [1, status]);
      if (status !== 0) return void socket.end();
    }
    const [, , , addressType = 0] = await take(socket, 4);
    const host =
      addressType === 3
        ? await text()
        : addressType === 1
          ? [...(await take(socket, 4))].join('.')
          : (await take(socket, 16)).toString('hex');
    const port = (await take(socket, 2)).readUInt16BE();
    const exit = exitOf(username);
    asked.push({ methods, username, password, addressType, host, port, exit });
    const place = route(host, port);
    if (!place) {
      await answer(socket, [5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
      return void socket.end();
    }
    const onward = connect({ host: '127.0.0.1', ...place, localAddress: exit });
    sockets.add(onward);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
    await once(onward, 'connect');
    const connection = { exit, from: `${exit}:${onward.localPort}` };
    socket.on('data', (bytes: Buffer) => onBytes?.(connection, 'there', bytes)).pause();
    onward.on('data', (bytes: Buffer) => onBytes?.(connection, 'back', bytes)).pause();
    await answer(socket, [5, 0, 0, 3, 4, ...Buffer.from('exit'), 0, 0]);
    socket.pipe(onward).pipe(socket);
  }

  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `socks5h://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function take(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    if (length === 0) return Buffer.alloc(0);
    const bytes = socket.read(length) as Buffer | null;
    if (bytes?.length === length) return bytes;
    if (bytes || socket.readableEnded || socket.destroyed) throw new Error('it hung up');
    await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  }
}
