import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  paidTool,
  payingClient,
  type PaidExtra,
  type PayingClient,
  type PayingClientOptions,
} from '../../src/adapters/mcp/index.js';
import type { ProtocolName } from '../../src/core/protocol.js';
import type { Wallet } from '../../src/client/index.js';
import { createWorld, type World } from '../client-fixture.js';

/** A vendor of tools and agents that call them, in one process; what goes between them is the test's to break. */
export interface ToolWorld extends World {
  /** A connection to the server, with a server of its own: many clients, one vendor. */
  connect(): Promise<Client>;
  /** Messages of calls that reached the server, and results that left it. */
  readonly sent: JSONRPCMessage[];
  /** Every run of a handler: the tool and its argument. */
  readonly runs: string[];
  /** What becomes of a message: it may be delivered any number of times. Default: once. */
  line: (message: JSONRPCMessage, to: 'server' | 'client', deliver: () => void) => void;
  agent(protocol: ProtocolName, options?: Partial<PayingClientOptions>): Promise<Agent>;
}

export interface Agent extends PayingClient {
  readonly wallet: Wallet;
  /** Ends its connection; the next call makes another one. */
  cut(): void;
}

/** Registers the tools of the tests. @param ran told of each run of a handler */
export function registerTools(
  server: McpServer,
  { vendor }: Pick<World, 'vendor'>,
  ran: (run: string) => void,
) {
  const say = (text: string) => ({ content: [{ type: 'text' as const, text }] });
  const word = { word: z.string() };
  paidTool(server, vendor, 'echo', { description: 'Says it', inputSchema: word }, 3, ({ word }, extra) => {
    ran(`echo ${word}`);
    return say(`${word} for ${extra.payment.units}`);
  });
  paidTool(server, vendor, 'moody', { inputSchema: word }, 2, ({ word }) => {
    ran(`moody ${word}`);
    if (word === 'throw') throw new Error('not today');
    return { ...say('no'), isError: word === 'fail' };
  });
  paidTool(
    server,
    vendor,
    'count',
    { inputSchema: { items: z.array(z.string()).default(['a']) }, outputSchema: { length: z.number() } },
    (call) => {
      const { items } = call.arguments;
      return Array.isArray(items) ? items.length + 1 : 1;
    },
    ({ items }) => {
      ran('count');
      const length = items.includes('wrong') ? 'many' : items.length;
      return { ...say('counted'), structuredContent: { length } };
    },
  );
  paidTool(server, vendor, 'metered', {}, { price: 9, charge: 'capture' }, async ({ payment }: PaidExtra) => {
    await payment.capture(4);
    return say('used four');
  });
  paidTool(server, vendor, 'long', {}, 1, () => say('.'.repeat(70_000)));
  server.registerTool('free', { inputSchema: word }, ({ word }) => say(word));
  return say;
}

export async function createToolWorld(): Promise<ToolWorld> {
  const world = await createWorld({});
  const tools: ToolWorld = Object.assign(world, {
    sent: [],
    runs: [],
    line: (_: JSONRPCMessage, __: string, deliver: () => void) => deliver(),
    connect: async () => {
      const server = new McpServer({ name: 'tools', version: '1' });
      registerTools(server, world, (run) => tools.runs.push(run));
      const [near, far] = InMemoryTransport.createLinkedPair();
      const calls = new Set<unknown>();
      await server.connect(breakable(far, 'client', tools, calls));
      const client = new Client({ name: 'agent', version: '1' });
      await client.connect(breakable(near, 'server', tools, calls));
      return client;
    },
    agent: async (protocol: ProtocolName, options: Partial<PayingClientOptions> = {}) => {
      const wallet = options.wallet ?? (await world.richWallet(protocol));
      let client = await tools.connect();
      let open = true;
      client.onclose = () => (open = false);
      const connected = async (): Promise<Client> => {
        if (!open) {
          client = await tools.connect();
          open = true;
          client.onclose = () => (open = false);
        }
        return client;
      };
      const limits = { perRequest: 50, total: 1000 };
      const paying = payingClient(connected, { wallet, limits, retry: { baseDelayMs: 1 }, ...options });
      return { ...paying, wallet, cut: () => void client.close() };
    },
  });
  return tools;
}

/** Calls of tools that are sent by it, and what is answered to them, go by the line of the world. @param calls their ids */
function breakable(
  transport: InMemoryTransport,
  to: 'server' | 'client',
  world: ToolWorld,
  calls: Set<unknown>,
): Transport {
  const send = transport.send.bind(transport);
  transport.send = async (message, options) => {
    const id = 'id' in message ? message.id : undefined;
    if ('method' in message && message.method === 'tools/call') calls.add(id);
    if (!calls.has(id)) return send(message, options);
    // As over a wire: nothing is shared.
    const copy = JSON.parse(JSON.stringify(message)) as JSONRPCMessage;
    world.sent.push(copy);
    world.line(copy, to, () => void send(copy, options).catch(() => {}));
  };
  return transport;
}
