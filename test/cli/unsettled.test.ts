import { once } from 'node:events';
import { connect, createServer, type Server as TcpServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CardSummary, RecoveryReport } from '../../src/client/index.js';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

/** A line to the vendor on which answers to payments get lost, as long as it is told to. */
interface Line {
  losing: boolean;
  close(): Promise<void>;
}

let box: Sandbox;
let server: Server;
let line: Line;
beforeAll(async () => {
  box = await createSandbox();
  await box.json('vendor', 'init', 'shop', '--origin', box.origin, '--denominations', '100');
  server = await box.serve('shop', '--port', '0', '--verbose');
  line = await openLine(new URL(box.origin).port, new URL(String(server.events[0]!['address'])).port);
  const { codes } = await box.json<{ codes: string[] }>('voucher', 'create', 'shop');
  await box.json('redeem', box.origin, codes[0]!);
});
afterAll(async () => {
  await line.close();
  await server.stop();
  await box.remove();
});

async function openLine(from: string, to: string): Promise<Line> {
  const sockets = new Set<Socket>();
  const line = { losing: false };
  const relay: TcpServer = createServer((near) => {
    const far = connect(Number(to), '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    }
    let lost = false;
    near.on('data', (chunk) => {
      lost = line.losing && /^authorization: payment/im.test(chunk.toString('latin1'));
      far.write(chunk);
    });
    far.on('data', (chunk) => (lost ? near.destroy() : near.write(chunk)));
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  relay.listen(Number(from), '127.0.0.1');
  await once(relay, 'listening');
  return Object.assign(line, {
    async close() {
      for (const socket of sockets) socket.destroy();
      relay.close();
      await once(relay, 'close');
    },
  });
}

describe('a payment whose answer is lost', () => {
  it('is told with exit code 5, held back, found by recover, and charged once', async () => {
    const article = `${box.origin}/articles/hello.txt`;
    line.losing = true;
    const lost = await box.run(['fetch', article, '--max', '1']);
    expect({ code: lost.code, stdout: lost.stdout }).toEqual({ code: 5, stdout: '' });
    expect(twoLines(lost.stderr).next).toContain('recover');
    expect(await box.json<CardSummary[]>('cards')).toMatchObject([{ left: 99, reserved: 1 }]);

    const still = await box.run(['recover']);
    expect(still.code).toBe(5);
    expect(JSON.parse(still.stdout)).toMatchObject({ claims: [{ result: 'unknown', charged: 0, units: 1 }] });

    line.losing = false;
    const found = await box.json<RecoveryReport>('recover');
    expect(found.claims).toMatchObject([{ url: article, result: 'settled', charged: 1 }]);
    expect(await box.json<CardSummary[]>('cards')).toMatchObject([{ left: 99, reserved: 0 }]);
    expect(await box.json('history')).toHaveLength(1);
    const verdicts = server.events.filter(({ event }) => event === 'paid').map(({ verdict }) => verdict);
    expect(verdicts.filter((verdict) => verdict === 'accepted')).toHaveLength(1);
    expect(await box.json<RecoveryReport>('recover')).toMatchObject({ claims: [] });
  });
});
