import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';
import { paidTool } from '../../dist/adapters/mcp/index.js';
import { createNodeHandler, openVendorFolder } from '../../dist/node/server.js';
import { openSqliteLedger } from '../../dist/node/sqlite.js';
import { createVendor } from '../../dist/server/index.js';

/** A vendor of a tool over stdio. Arguments: the vendor's folder, and a file to which each run of the tool is appended. */
const [folder, runs] = process.argv.slice(2);

const { document, keys } = await openVendorFolder(folder);
const vendor = createVendor({
  document,
  keys,
  ledger: await openSqliteLedger({ path: `${folder}/tools.db` }),
});
const http = createServer(createNodeHandler(vendor));
await new Promise((resolve) => http.listen(Number(new URL(document.origin).port), '127.0.0.1', resolve));

const say = (text) => ({ content: [{ type: 'text', text }] });
const server = new McpServer({ name: 'tools', version: '1' });
paidTool(server, vendor, 'echo', { inputSchema: { word: z.string() } }, 1, async ({ word }) => {
  appendFileSync(runs, `${word}\n`);
  await new Promise((resolve) => setImmediate(resolve));
  return say(word);
});
server.registerTool('voucher', {}, async () =>
  say((await vendor.createVouchers([{ denomination: 100, count: 1 }], 1))[0]),
);
server.registerTool('spent', {}, async () => say(String((await vendor.totals()).spent)));
await server.connect(new StdioServerTransport());
process.stdin.once('end', () => process.exit());
