// Calls a paid tool, and pays at most 5 units: node client.mjs <origin> <voucher>
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { openWallet } from 'impuls/client';
import { openFileStorage } from 'impuls/client/file';
import { payingClient, paymentOfResult } from 'impuls/mcp';

const [origin, code] = process.argv.slice(2);
const wallet = await openWallet({ storage: await openFileStorage('agent.wallet') });
if (code) await wallet.redeem(origin, code, { protocol: 'chain' });

const client = new Client({ name: 'example-agent', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', origin)));
const agent = payingClient(client, { wallet, limits: { perRequest: 5, total: 20, vendors: [origin] } });

const result = await agent.callTool({ name: 'count_words', arguments: { text: 'a tool that is paid for' } });
const payment = paymentOfResult(result);
console.log(`${result.content[0].text}, for ${payment.units} units (${payment.worth})`);
await client.close();
await wallet.close();
