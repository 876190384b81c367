import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createPaidNodeHandler } from '../../src/node/http.js';
import { createMemoryLedger, createVendor } from '../../src/server/index.js';
import { parseChallenges } from '../../src/core/wire/index.js';
import { activeCard, callOf } from '../support/active-card.js';
import { claimOf } from '../support/card.js';
import { createTestKeys, now } from '../support/vendor.js';

/** A vendor on a socket that answers one stranger while a claim waits, and lets the next one wait until the test says. */

const closers: Array<() => Promise<unknown>> = [];
afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

async function start() {
  const ends: Array<() => void> = [];
  const wait = (ms: number): Promise<void> =>
    ms < 1000 ? Promise.resolve() : new Promise((resolve) => ends.push(resolve));
  const vendor = createVendor({
    ...(await createTestKeys('https://news.example', [100], now)),
    ledger: { ...createMemoryLedger(), accept: () => new Promise(() => {}) },
    clock: () => now * 1000,
    load: { maxStrangers: 1, now: () => 0, wait },
  });
  const gate = vendor.gate({ price: 1 });
  const asked = await gate(callOf('/a'));
  const challenges = asked.status === 'refused' ? asked.reply.headers : [];
  const [session] = parseChallenges(challenges.find(([name]) => name === 'WWW-Authenticate')![1]);
  const { authorization } = claimOf(
    await activeCard(vendor),
    session!,
    { target: '/a', method: 'GET' },
    { end: 1, units: 1 },
  );
  void gate(callOf('/a', { authorization }));
  await expect.poll(() => vendor.load.claims).toBe(1);
  const paid = createPaidNodeHandler(gate, (_req, res) => void res.end());
  const server = createServer((req, res) => void paid(req, res)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.closeAllConnections();
    return once(server.close(), 'close');
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('latin1');
  const heard = { text: '' };
  socket.on('data', (chunk: string) => (heard.text += chunk));
  return { vendor, socket, heard, ends };
}

const call = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const statuses = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status!);

describe('a server that has too much to do', () => {
  it('hangs up on a stranger who sends on before he is answered', async () => {
    const { socket, heard, vendor } = await start();
    socket.write(call.repeat(4));
    await once(socket, 'close');
    expect(statuses(heard.text)).toEqual(['402']);
    expect(vendor.load.shed.strangers).toBe(3);
  });

  it('keeps the connection of one who waits, and tells him later', async () => {
    const { socket, heard, vendor, ends } = await start();
    socket.write(call);
    await once(socket, 'data');
    socket.write(call);
    await expect.poll(() => vendor.load.held).toBe(1);
    expect(statuses(heard.text)).toEqual(['402']);
    ends.forEach((end) => end());
    await once(socket, 'data');
    expect(statuses(heard.text)).toEqual(['402', '503']);
    expect(heard.text).toContain('\r\nRetry-After: 1\r\n');
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });
});
