// An agent with a budget, scripted in the place of a model: it looks, pays, and stops where its caps do. node agent.mjs <origin>
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const [origin] = process.argv.slice(2);
const impuls = fileURLToPath(new URL('../cli/main.js', import.meta.resolve('impuls')));
const caps = ['--max', '5', '--per-day', '7', '--vendor', origin];

const client = new Client({ name: 'example-agent', version: '1.0.0' });
await client.connect(
  new StdioClientTransport({
    command: process.execPath,
    args: [impuls, 'mcp', '--wallet', 'agent.wallet', ...caps],
    stderr: 'inherit',
  }),
);
async function use(name, args = {}) {
  const { content } = await client.callTool({ name, arguments: args });
  return JSON.parse(content[0].text);
}

const { paid } = await use('discover', { vendor: origin });
const wanted = paid.find(({ method, units }) => method === 'GET' && units !== null);
console.log(`${wanted.path} costs ${wanted.units} units`);
const url = new URL(wanted.path.replace('{name}', 'hello.txt'), origin).href;
for (;;) {
  const { payable, units } = await use('look', { url });
  const answer = payable && (await use('fetch', { url, max_units: units }));
  if (!answer || answer.refused) break;
  console.log(
    `paid ${answer.paid.units} for ${answer.body.length} characters; left today: ${answer.left_today}`,
  );
}
const refused = await use('fetch', { url, max_units: wanted.units });
console.log(`refused: ${refused.why}`);
console.log(`next: ${refused.next}`);
await client.close();
