import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { Agent, fetch as undiciFetch } from 'undici';

/** A reverse proxy that ends TLS, as a CDN or a load balancer does: it reads every byte that passes, in the clear. */
export interface Middlebox {
  /** `https://localhost:…`: what clients call. */
  readonly origin: string;
  /** Trusts its certificate, and no other. */
  readonly fetch: typeof fetch;
  /** Passes everything on to this port of the machine from now on. */
  leadTo(port: number): void;
  /** Every byte that passed, both ways, connection by connection. */
  readonly seen: Buffer;
  close(): Promise<void>;
}

export interface MiddleboxOptions {
  /** How many bytes it records of a connection and direction; the rest passes unrecorded. Default: all. */
  readonly keep?: number;
  /** What it makes of an answer, if it lies. It gets all that has come at once. */
  readonly forge?: (answer: Buffer) => Buffer;
}

export async function openMiddlebox({ keep = Infinity, forge }: MiddleboxOptions = {}): Promise<Middlebox> {
  const { key, cert } = makeCertificate();
  const sockets = new Set<Socket>();
  let upstreamPort = 0;
  const records: Buffer[][] = [];

  function recorded(from: Socket): void {
    const record: Buffer[] = [];
    let length = 0;
    records.push(record);
    from.on('data', (chunk: Buffer) => {
      if (length >= keep) return;
      length += chunk.length;
      record.push(Buffer.from(chunk));
    });
  }

  const server = createServer({ key, cert }, (client) => {
    const upstream = connect(upstreamPort, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      recorded(from);
      if (forge && from === upstream) from.on('data', (answer: Buffer) => to.write(forge(answer)));
      else from.pipe(to);
      from.once('error', () => to.destroy());
      from.once('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new Agent({ connect: { ca: cert } });
  const { port } = server.address() as AddressInfo;
  return {
    origin: `https://localhost:${port}`,
    fetch: ((input: string, init: object) =>
      undiciFetch(input, { ...init, dispatcher: agent })) as unknown as typeof fetch,
    leadTo(to) {
      upstreamPort = to;
    },
    get seen() {
      return Buffer.concat(records.flat());
    },
    async close() {
      await agent.destroy();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function makeCertificate(): { readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'impuls-tls-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const args = ['req', '-x509', '-nodes', '-days', '2', ...curve, ...subject, '-keyout', key, '-out', cert];
    execFileSync('openssl', args, { stdio: 'pipe' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
