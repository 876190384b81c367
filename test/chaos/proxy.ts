import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { calm, type Fault, type Trouble, type Troubles } from './troubles.js';

/**
 * A TCP proxy that stands at the vendor's public address and makes trouble. It passes bytes on as they are; of HTTP it
 * knows where a request ends and where the head of a reply does. Each request gets an upstream connection of its own.
 */
export interface ChaosProxy {
  readonly origin: string;
  /** Where the vendor listens. */
  upstream: number;
  troubles: Troubles;
  /** How many requests met each fault; `echo` counts duplicates. */
  readonly met: ReadonlyMap<Fault | 'echo', number>;
  /** Resolves when so many more requests have been passed on whole. */
  forwarded(count: number): Promise<void>;
  /** Resolves when no duplicate is on its way any more. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

export async function openChaosProxy(): Promise<ChaosProxy> {
  const met = new Map<Fault | 'echo', number>();
  const seen = new Map<string, number>();
  const sockets = new Set<Socket>();
  const echoes = new Set<Promise<void>>();
  let waiters: { left: number; readonly done: () => void }[] = [];

  const count = <K>(map: Map<K, number>, key: K): number => {
    const before = map.get(key) ?? 0;
    map.set(key, before + 1);
    return before;
  };

  /** Forgets it when it is closed; what a broken connection has to say nobody needs. */
  function keep(socket: Socket): Socket {
    sockets.add(socket);
    return socket
      .setNoDelay()
      .on('error', () => {})
      .on('close', () => sockets.delete(socket));
  }

  const dial = (): Socket => keep(connect(proxy.upstream, '127.0.0.1'));

  function noteForwarded(): void {
    for (const waiter of waiters) if (--waiter.left === 0) waiter.done();
    waiters = waiters.filter(({ left }) => left > 0);
  }

  async function echo(request: Buffer, afterMs: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    const upstream = dial();
    upstream.write(request);
    await new Promise((resolve) => upstream.once('data', resolve).once('close', resolve));
    upstream.destroy();
  }

  /** Passes one request on, and what is answered as the trouble has it. */
  function carry(client: Socket, request: Buffer): Socket | undefined {
    const [method, target] = request.toString('latin1', 0, request.indexOf('\r\n')).split(' ') as [
      string,
      string,
    ];
    const trouble = proxy.troubles({ method, target, before: count(seen, `${method} ${target}`) });
    const { fault } = trouble;
    count(met, fault);
    if (trouble.echoAfterMs !== undefined) {
      count(met, 'echo');
      const echoed = echo(request, trouble.echoAfterMs);
      echoes.add(echoed);
      void echoed.then(() => echoes.delete(echoed));
    }
    if (fault === 'lost request') {
      hangUp(client, trouble);
      return undefined;
    }
    const upstream = dial();
    if (fault === 'torn request') {
      upstream.end(request.subarray(0, request.length >> 1), () => hangUp(client, trouble));
      upstream.resume();
      return upstream;
    }
    upstream.write(request, () => {
      noteForwarded();
      if (fault === 'lost client') setTimeout(abandon, trouble.delayMs / 8);
    });
    const abandon = (): void => {
      upstream.destroy();
      hangUp(client, trouble);
    };
    passReply(client, upstream, trouble);
    return upstream;
  }

  const server = createServer((client) => {
    let arrived: Buffer = Buffer.alloc(0);
    let upstream: Socket | undefined;
    keep(client).on('data', (chunk) => {
      arrived = Buffer.concat([arrived, chunk]);
      for (let end = endOfRequest(arrived); end > 0; end = endOfRequest(arrived)) {
        // A client that asks again has had its answer.
        upstream?.destroy();
        upstream = carry(client, arrived.subarray(0, end));
        arrived = arrived.subarray(end);
      }
    });
    client.on('close', () => upstream?.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const proxy: ChaosProxy = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    upstream: 0,
    troubles: calm,
    met,
    forwarded: (left) => new Promise((done) => waiters.push({ left, done })),
    async quiet() {
      while (echoes.size > 0) await Promise.all(echoes);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function passReply(client: Socket, upstream: Socket, trouble: Trouble): void {
  const { fault, delayMs } = trouble;
  let holds = fault !== 'none';
  let ended = false;
  let reply: Buffer = Buffer.alloc(0);

  /** What this side destroys neither ends nor fails. */
  const end = (): void => {
    ended = true;
    if (!holds || reply.length === 0) client.end();
  };
  const tear = (part: Buffer): void => {
    upstream.destroy();
    client.end(part);
  };
  const release = (): void => {
    holds = false;
    client.write(reply);
    if (ended) client.end();
  };

  upstream.on('end', end).on('error', end);
  upstream.on('data', (chunk) => {
    if (!holds) {
      client.write(chunk);
      return;
    }
    const isFirst = reply.length === 0;
    reply = Buffer.concat([reply, chunk]);
    const head = reply.indexOf('\r\n\r\n') + 4;
    switch (fault) {
      case 'lost client':
      case 'lost reply':
        upstream.destroy();
        hangUp(client, trouble);
        break;
      case 'torn head':
        tear(reply.subarray(0, (head > 3 ? head : reply.length) >> 1));
        break;
      case 'torn body':
        if (head > 3 && reply.length > head) tear(reply.subarray(0, head + ((reply.length - head) >> 1)));
        break;
      case 'late reply':
        if (isFirst) setTimeout(release, delayMs);
        break;
      default:
    }
  });
}

function hangUp(client: Socket, { resets }: Trouble): void {
  if (resets) client.resetAndDestroy();
  else client.destroy();
}

/** Where the first request ends; 0 while it is not whole. */
function endOfRequest(bytes: Buffer): number {
  const head = bytes.indexOf('\r\n\r\n') + 4;
  if (head < 4) return 0;
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString('latin1', 0, head))?.[1] ?? '0';
  const end = head + Number(length);
  return bytes.length >= end ? end : 0;
}
