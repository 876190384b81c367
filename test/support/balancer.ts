import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';

/** A load balancer that knows nothing: each request goes to the next server; one that is not there is passed over. */
export interface Balancer {
  /** Of the servers, `http://127.0.0.1:4711`, one after the other. */
  use(addresses: readonly string[]): void;
  /** Requests that each address was given. */
  readonly given: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** @param origin where it listens */
export async function startBalancer(origin: string): Promise<Balancer> {
  let addresses: readonly string[] = [];
  let turn = 0;
  const given = new Map<string, number>();
  const server = createServer((req, res) => {
    collect(req).then(
      (body) => pass(req, res, body, addresses.length),
      () => res.destroy(),
    );
  });

  function pass(req: IncomingMessage, res: ServerResponse, body: Buffer, left: number): void {
    const address = addresses[turn++ % addresses.length];
    if (address === undefined || left === 0) {
      res.writeHead(503, { 'Retry-After': '1' }).end();
      return;
    }
    const { method, headers, url } = req;
    const passed = request(new URL(address), { method, headers, path: url, agent: false }, (answer) => {
      given.set(address, (given.get(address) ?? 0) + 1);
      res.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(res);
      answer.on('error', () => res.destroy());
    });
    passed.on('error', (error: NodeJS.ErrnoException) => {
      // Nobody was asked yet; whom else to ask is for the client to say.
      if (error.code === 'ECONNREFUSED') pass(req, res, body, left - 1);
      else res.destroy();
    });
    passed.end(body);
  }

  const { hostname, port } = new URL(origin);
  await new Promise<void>((resolve) => server.listen(Number(port), hostname, resolve));
  return {
    use(next) {
      addresses = next;
    },
    given,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function collect(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
