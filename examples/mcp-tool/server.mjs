// An MCP server with a tool that costs 2 units a call. Run it, then client.mjs with what it prints.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { paidTool } from 'impuls/mcp';
import { createVendor } from 'impuls/server';
import { createNodeHandler, initVendorFolder, openVendorFolder } from 'impuls/server/node';
import { openSqliteLedger } from 'impuls/server/sqlite';
import { z } from 'zod';

const port = Number(process.env.PORT ?? 4190);
if (!existsSync('shop/vendor.json')) {
  await initVendorFolder('shop', {
    origin: `http://127.0.0.1:${port}`,
    name: 'Example tools',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    listen: { host: '127.0.0.1', port },
    routes: [],
    denominations: [100],
  });
}
const { document, keys, ledgerPath } = await openVendorFolder('shop');
const vendor = createVendor({ document, keys, ledger: await openSqliteLedger({ path: ledgerPath }) });

function openTools() {
  const server = new McpServer({ name: 'example-tools', version: '1.0.0' });
  const description = 'Counts the words of a text';
  paidTool(
    server,
    vendor,
    'count_words',
    { description, inputSchema: { text: z.string() } },
    2,
    ({ text }) => {
      const words = text.split(/\s+/).filter(Boolean).length;
      return { content: [{ type: 'text', text: `${words} words` }] };
    },
  );
  return server;
}

const own = createNodeHandler(vendor);
createServer(async (req, res) => {
  if (req.url !== '/mcp') return own(req, res);
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  await openTools().connect(transport);
  await transport.handleRequest(req, res);
}).listen(port, '127.0.0.1', async () => {
  const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
  console.log(`${document.origin} ${code}`);
});
