/** The upstream of bench/proxy.mjs: 1 KiB of JSON, whatever is asked for. */
import { createServer } from 'node:http';

const body = JSON.stringify({ text: 'x'.repeat(1024 - 11) });
const server = createServer((_req, res) => {
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  res.end(body);
});
server.listen(0, '127.0.0.1', () => process.send({ ready: server.address().port }));
process.on('disconnect', () => process.exit());
