import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ErrorCode, type JSONRPCMessage, type McpError } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, expect, it } from 'vitest';
import { payingClient } from '../../src/adapters/mcp/index.js';
import { createMemoryStorage, openWallet, type Wallet } from '../../src/client/index.js';
import { isImpulsError } from '../../src/core/errors.js';
import { initVendorFolder } from '../../src/node/vendor/folder.js';
import { createChoices, type Choices } from '../../src/testing/suite.js';
import { freePort } from '../support/ports.js';

/** A server of tools that is killed and started again, and a line to it that loses and repeats. */

const calls = 50;
const kills = [20, 70];
let folder: string | undefined;
let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

it('50 calls of a tool in flight cost 50 units, with either protocol, whatever is lost, repeated or killed', async () => {
  folder = mkdtempSync(join(tmpdir(), 'impuls-tools-'));
  const [shop, runs] = [join(folder, 'shop'), join(folder, 'runs')];
  const origin = `http://127.0.0.1:${await freePort()}`;
  await initVendorFolder(shop, {
    origin,
    name: 'Tools',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    listen: { host: '127.0.0.1', port: Number(new URL(origin).port) },
    routes: [],
    denominations: [100],
  });
  const line = createLine(createChoices(1), [...kills]);
  let current: Promise<Client> | undefined;
  const connect = async (): Promise<Client> => {
    const script = fileURLToPath(new URL('tool-server.mjs', import.meta.url));
    const transport = new StdioClientTransport({ command: process.execPath, args: [script, shop, runs] });
    const client = new Client({ name: 'agent', version: '1' });
    client.onclose = () => (current = undefined);
    await client.connect(line.put(transport, () => process.kill(transport.pid!, 'SIGKILL')));
    return client;
  };
  const connected = (): Promise<Client> => (current ??= connect());
  stop = async () => (await current)?.close();
  const ask = async (name: string): Promise<string> => {
    const { content } = await (await connected()).callTool({ name });
    return (content as [{ text: string }])[0].text;
  };

  const wallets = await Promise.all(
    (['chain', 'stream'] as const).map(async (protocol) => {
      const wallet = await openWallet({ storage: createMemoryStorage() });
      await wallet.redeem(origin, await ask('voucher'), { protocol });
      return wallet;
    }),
  );
  line.calm = false;
  const outcomes = await Promise.all(
    wallets.flatMap((wallet, i) => callAll(wallet, connected, `wallet ${i}`)),
  );
  line.calm = true;
  await connected();
  // A call that ran when the server was killed is charged, and says so.
  expect(outcomes.filter((end) => end !== 'paid' && end !== 'outcome-unknown')).toEqual([]);
  expect(line.killed).toBe(kills.length);
  expect(await ask('spent')).toBe(String(wallets.length * calls));
  for (const wallet of wallets) {
    expect((await wallet.recover()).claims).toEqual([]);
    expect(wallet.cards()).toMatchObject([{ left: 100 - calls, reserved: 0 }]);
    expect(wallet.history()).toHaveLength(calls);
  }
  const words = existsSync(runs) ? readFileSync(runs, 'utf8').trim().split('\n') : [];
  expect(words.length).toBe(new Set(words).size);
});

/** @returns how each call ended */
function callAll(wallet: Wallet, connected: () => Promise<Client>, name: string): Promise<string>[] {
  const limits = { perRequest: 1, total: 100 };
  const agent = payingClient(connected, { wallet, limits, retry: { attempts: 40, baseDelayMs: 1 } });
  return Array.from({ length: calls }, async (_, i) => {
    const word = `${name}, word ${i}`;
    try {
      const { content } = await asked(() => agent.callTool({ name: 'echo', arguments: { word } }));
      expect(content).toEqual([{ type: 'text', text: word }]);
      return 'paid';
    } catch (error) {
      if (!isImpulsError(error)) throw error;
      return error.code;
    }
  });
}

/** A price that was asked for while the server was away is asked for again: nothing was claimed. */
async function asked<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const isAway =
        isImpulsError(error, 'network') ||
        (error as McpError).code === (ErrorCode.ConnectionClosed as number);
      if (!isAway || attempt === 40) throw error;
    }
  }
}

interface Line {
  calm: boolean;
  killed: number;
  put(transport: Transport, kill: () => void): Transport;
}

/** @param kills after how many paid calls that were sent the server is killed */
function createLine(choices: Choices, kills: number[]): Line {
  let sent = 0;
  const line: Line = {
    calm: true,
    killed: 0,
    put(transport, kill) {
      const lost = new Set<unknown>();
      const send = transport.send.bind(transport);
      const gone = (id: unknown): void => {
        const error = { code: -32000, message: 'the line was cut' };
        const message = { jsonrpc: '2.0', id, error } as JSONRPCMessage;
        queueMicrotask(() => transport.onmessage?.(message));
      };
      transport.send = async (message, options) => {
        const isPaid = JSON.stringify(message).includes('org.paymentauth/credential');
        const id = 'id' in message ? message.id : undefined;
        if (line.calm || !isPaid) return send(message, options);
        if (++sent === kills[0]) {
          kills.shift();
          line.killed++;
          kill();
        }
        const fate = choices.pick(['lost', 'unanswered', 'twice', 'once', 'once', 'once'] as const);
        if (fate === 'lost') {
          gone(id);
          return;
        }
        if (fate === 'unanswered') lost.add(id);
        if (fate === 'twice') await send(message, options);
        return send(message, options);
      };
      let deliver: Transport['onmessage'];
      Object.defineProperty(transport, 'onmessage', {
        get: () => deliver,
        set(handler: NonNullable<Transport['onmessage']>) {
          deliver = (message, extra) => {
            const id = 'id' in message ? message.id : undefined;
            if (lost.delete(id)) gone(id);
            else handler(message, extra);
          };
        },
      });
      return transport;
    },
  };
  return line;
}
