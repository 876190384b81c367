// An inference API sold by the token: a gate before an upstream that streams, and the client pays as the words come.
import { createFetchHandler, createPaidHandler } from 'impuls/server';
import { createTokenMeter } from 'impuls/server/metering';
import { openVendor } from 'impuls/server/node';
import { serve } from '@hono/node-server';
import { startParrot } from './parrot.mjs';

const port = Number(process.env.PORT ?? 4160);
const origin = `http://127.0.0.1:${port}`;
const parrot = process.env.UPSTREAM ? undefined : await startParrot();
const upstream = process.env.UPSTREAM ?? parrot.origin;

const { vendor, close } = await openVendor('shop', {
  create: { origin, name: 'Parrot Inference', denominations: [100] },
  onError: console.error,
});
const own = createFetchHandler(vendor);

// 1 unit for 100 tokens that are read, and for 10 that are written.
const tokens = createTokenMeter({ input: 10, output: 100 });
const listing = {
  method: 'POST',
  path: '/v1/chat/completions',
  summary: 'Chat completions, by the token',
  operation: tokens.operation,
};
const complete = createPaidHandler(vendor.gate({ ...tokens.route, listing }), async (request, payment) => {
  const call = tokens.prepare(
    new Uint8Array(await request.arrayBuffer()),
    request.headers.has('Impuls-Meter'),
  );
  const answer = await fetch(`${upstream}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${process.env.UPSTREAM_KEY ?? 'none'}`,
    },
    body: call.body,
  });
  return call.respond(answer, payment);
});

async function answer(request) {
  if (new URL(request.url).pathname === listing.path) return complete(request);
  return (await own(request)) ?? new Response('not found', { status: 404 });
}

const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
const server = serve({ fetch: answer, port, hostname: '127.0.0.1' }, () => {
  console.log(`A voucher for 100 units: ${code}

  impuls redeem ${origin} ${code}
  impuls fetch --max 20 -d '{"messages":[{"role":"user","content":"hello"}],"max_tokens":40}' ${origin}${listing.path}

Or with the client of OpenAI, as it streams: node client.mjs ${origin} ${code}`);
});
process.once('SIGTERM', stop).once('SIGINT', stop);
function stop() {
  server.close(() => void close());
  server.closeAllConnections();
  parrot?.close();
}
