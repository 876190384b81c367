import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Agent } from 'undici';
import { toBase64url } from '../core/base64url.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import type { Transport } from '../client/index.js';
import { platformRandom } from '../client/environment.js';
import { connectSocks, type SocksProxy } from './socks.js';

/** Ways to the network for wallets on Node, each with connections of its own, and over a proxy with an address of its own. */

export interface TransportOptions {
  /**
   * `socks5h://host:port`, a proxy to which each circuit is known by a user name and a password that are drawn for it, so that it gives
   * each one a way of its own; Tor does. It looks up the names of hosts. What it cannot reach is not reached. Default: none, straight to the
   * vendors, from one address.
   */
  readonly proxy?: string;
  /** Certificates to trust in the place of those of Node, PEM. */
  readonly ca?: string | readonly string[];
  /** For a connection. Default 60,000: a proxy may take a while to find a way. */
  readonly timeoutMs?: number;
  /** Default: `crypto.getRandomValues`. */
  readonly random?: (length: number) => Uint8Array;
}

/** Needs the package `undici`. Its fetches reject with a TypeError, as fetch does; `cause` says why. */
export interface CircuitTransport extends Transport {
  close(): Promise<void>;
}

/** Circuits kept; the one unused for longest makes room. */
const maxCircuits = 256;
const defaultTimeoutMs = 60_000;

/** @throws ImpulsError `invalid-argument` for another kind of proxy */
export function openTransport(options: TransportOptions = {}): CircuitTransport {
  const { random = platformRandom } = options;
  const proxy = options.proxy === undefined ? undefined : parseProxy(options.proxy);
  const agents = new Map<string, Promise<Agent>>();
  let closed = false;

  async function createAgent(): Promise<Agent> {
    const { Agent } = await loadUndici();
    const draw = (): string => toBase64url(random(16));
    const credentials = { username: draw(), password: draw() };
    return new Agent({
      connect: ({ hostname, port, protocol }, callback) => {
        const secure = protocol === 'https:';
        const target = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (secure ? 443 : 80) };
        connect(proxy, { ...options, ...credentials, ...target, secure }).then(
          (socket) => callback(null, socket),
          (error: unknown) => callback(error as Error, null),
        );
      },
    });
  }

  function agentOf(name: string): Promise<Agent> {
    const agent = agents.get(name) ?? createAgent();
    agents.delete(name);
    agents.set(name, agent);
    const [oldest] = agents.keys();
    if (agents.size > maxCircuits && oldest !== undefined) {
      const old = agents.get(oldest)!;
      agents.delete(oldest);
      // Waits for what is under way.
      void old.then((unused) => unused.close()).catch(() => {});
    }
    return agent;
  }

  return {
    circuit: (name) => async (input, init) => {
      if (closed) throw new TypeError('the transport is closed');
      const dispatcher = await agentOf(name).catch((cause: unknown) => {
        agents.delete(name);
        throw new TypeError('fetch failed', { cause });
      });
      const { fetch } = await loadUndici();
      return fetch(
        ...([input, { ...init, dispatcher }] as Parameters<typeof fetch>),
      ) as unknown as Promise<Response>;
    },
    async close() {
      closed = true;
      await Promise.all(
        [...agents.values()].map(async (agent) => (await agent.catch(() => undefined))?.destroy()),
      );
    },
  };
}

/** Why a circuit failed, if that is what an error of a wallet or a fetch comes from. */
export function transportFailure(error: unknown): ImpulsError | undefined {
  let below = false;
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (below && isImpulsError(at)) return at;
    below ||= at instanceof TypeError;
  }
  return undefined;
}

/** @throws ImpulsError `invalid-argument` */
function parseProxy(text: string): SocksProxy {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'socks5h:' || url.hostname === '' || !/^\/?$/.test(url.pathname + url.search)) {
    throw new ImpulsError('invalid-argument', `"${text}" is no proxy`, {
      hint: 'Write it as socks5h://127.0.0.1:9050; with h, since the proxy looks up the names.',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new ImpulsError(
      'invalid-argument',
      'a proxy with a user name of its own cannot keep circuits apart',
      {
        hint: 'Use a proxy that takes any user name, as Tor does: each card gets one of its own.',
      },
    );
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) || 1080 };
}

interface Connection extends TransportOptions {
  readonly username: string;
  readonly password: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** No TLS session is kept, not even for the circuit itself: there is none to be taken up again. */
async function connect(proxy: SocksProxy | undefined, connection: Connection): Promise<Socket> {
  const { host, port, secure, ca, timeoutMs = defaultTimeoutMs } = connection;
  const socket = proxy
    ? await connectSocks({ ...connection, proxy, timeoutMs })
    : await connected(connectTcp({ host, port }), 'connect', timeoutMs);
  if (!secure) return socket;
  const name = isIP(host) ? {} : { servername: host };
  const trusted = ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] };
  const encrypted = connectTls({ socket, ...name, host, ...trusted, ALPNProtocols: ['http/1.1'] });
  return connected(encrypted, 'secureConnect', timeoutMs);
}

function connected<T extends Socket | TLSSocket>(socket: T, event: string, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('it does not answer in time')), timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      socket.off(event, succeed).off('error', fail);
    };
    const succeed = (): void => {
      end();
      resolve(socket);
    };
    const fail = (error: Error): void => {
      end();
      socket.destroy();
      reject(error);
    };
    socket.once(event, succeed).once('error', fail);
  });
}

async function loadUndici(): Promise<typeof import('undici')> {
  try {
    return await import('undici');
  } catch (cause) {
    throw new ImpulsError('unsupported', 'circuits need the package undici, which is not installed', {
      hint: 'Install it beside impuls: npm install undici. Nothing was sent.',
      cause,
    });
  }
}
