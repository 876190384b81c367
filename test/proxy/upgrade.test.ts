import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { parseReceipt } from '../../src/core/wire/index.js';
import { challengesOf, claimOf } from '../support/card.js';
import { openStage, type ProxyStage } from './stage.js';

let stage: ProxyStage;
const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'echo' });
const upgrades: Array<string | undefined> = [];

beforeAll(async () => {
  const upstream = createServer((req, res) => res.end(`plain ${req.url}`));
  upstream.on('upgrade', (req, socket, head: Buffer) => {
    upgrades.push(req.headers.authorization);
    if (req.url === '/paid/no') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      return;
    }
    sockets.handleUpgrade(req, socket, head, (one) =>
      one.on('message', (data: Buffer) => one.send(`echo ${data.toString()}`)),
    );
  });
  stage = await openStage(upstream, { routes: [{ path: '/paid/*', price: 2 }] });
});
afterAll(async () => {
  sockets.close();
  await stage.close();
});

const address = (path: string): string => stage.origin.replace('http:', 'ws:') + path;

async function echoed(socket: WebSocket, text: string): Promise<string> {
  socket.send(text);
  const [data] = (await once(socket, 'message')) as [Buffer];
  return data.toString();
}

it('joins a WebSocket that is free', async () => {
  const socket = new WebSocket(address('/free'), 'echo');
  await once(socket, 'open');
  expect(socket.protocol).toBe('echo');
  expect(await echoed(socket, 'one')).toBe('echo one');
  expect(await echoed(socket, 'x'.repeat(200_000))).toHaveLength(200_005);
  socket.close(1000);
  expect((await once(socket, 'close'))[0]).toBe(1000);
});

it('takes payment for a WebSocket when it is opened, and gives the receipt with it', async () => {
  const [, response] = (await once(new WebSocket(address('/paid/a')), 'unexpected-response')) as [
    unknown,
    { statusCode: number; headers: Record<string, string> },
  ];
  expect(response.statusCode).toBe(402);
  const hand = await stage.card();
  const [challenge] = challengesOf(await fetch(`${stage.origin}/paid/a`));
  const { authorization } = claimOf(hand, challenge!, { target: '/paid/a' }, { end: 2, units: 2 });
  const before = await stage.spent();
  const socket = new WebSocket(address('/paid/a'), { headers: { authorization } });
  const [[agreed]] = (await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])) as unknown as [
    [{ headers: Record<string, string> }],
  ];
  expect(parseReceipt(agreed.headers['payment-receipt']!)).toMatchObject({ units: 2 });
  expect(await echoed(socket, 'paid')).toBe('echo paid');
  expect((await stage.spent()) - before).toBe(2);
  expect(upgrades.at(-1)).toBeUndefined();
  socket.terminate();
});

it('returns the units of a WebSocket that the upstream refuses', async () => {
  const hand = await stage.card();
  const [challenge] = challengesOf(await fetch(`${stage.origin}/paid/no`));
  const { authorization } = claimOf(hand, challenge!, { target: '/paid/no' }, { end: 2, units: 2 });
  const before = await stage.spent();
  const socket = new WebSocket(address('/paid/no'), { headers: { authorization } });
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  expect(response.statusCode).toBe(403);
  expect(await stage.spent()).toBe(before);
});

it('answers an offer of another protocol as if it was not made', async () => {
  const [response] = await once(
    request(`${stage.origin}/free`, { headers: { Connection: 'Upgrade', Upgrade: 'h2c' } }).end(),
    'response',
  );
  expect(response.statusCode).toBe(200);
  response.setEncoding('utf8');
  expect((await once(response, 'data'))[0]).toBe('plain /free');
});

it('ends the one side when the other breaks', async () => {
  const { hostname, port } = new URL(stage.origin);
  const socket = connect(Number(port), hostname);
  const key = Buffer.alloc(16).toString('base64');
  socket.write(
    `GET /free HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString()).toMatch(/^HTTP\/1\.1 101 /);
  const gone = Promise.all([...sockets.clients].map((client) => once(client, 'close')));
  socket.destroy();
  await gone;
});
