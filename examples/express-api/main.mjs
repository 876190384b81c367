// An API on Express: a price before handlers that are there already, with their own parser, streams and errors.
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import express from 'express';
import { endpoints, paid } from 'impuls/server/express';
import { openVendor } from 'impuls/server/node';

const port = Number(process.env.PORT ?? 4130);
const origin = `http://127.0.0.1:${port}`;
const { vendor, close } = await openVendor('shop', {
  create: { origin, name: 'Words', denominations: [100] },
  onError: console.error,
});

const app = express();
app.use(endpoints(vendor));

// What is paid for comes before what reads bodies.
const listing = {
  method: 'POST',
  path: '/count',
  summary: 'How often each word of a text is in it',
  operation: { requestBody: { content: { 'text/plain': { example: 'to be or not to be' } } } },
};
app.post('/count', paid(vendor, { price: 3, listing }), express.text(), (req, res) => {
  const words = req.body.toLowerCase().match(/\p{L}+/gu);
  if (!words) throw new TypeError('there are no words in it');
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  res.json(Object.fromEntries(counts));
});

// A stream has its receipt on the head.
app.get('/slowly', paid(vendor, 1), (req, res) => {
  async function* speak() {
    for (const word of String(req.query.text ?? 'one two three').split(' ')) {
      yield `${word}\n`;
      await pause(10);
    }
  }
  res.type('text');
  Readable.from(speak()).pipe(res);
});

// An error costs nothing, whoever answers it.
app.use((error, _req, res, next) => {
  if (res.headersSent) next(error);
  else res.status(422).json({ error: error.message });
});

const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
const server = app.listen(port, '127.0.0.1', () => {
  console.log(`A voucher for 100 units: ${code}

  impuls redeem ${origin} ${code}
  impuls fetch --max 3 --data "to be or not to be" -H "Content-Type: text/plain" ${origin}/count`);
});
process.once('SIGTERM', stop).once('SIGINT', stop);
function stop() {
  server.close(() => void close());
  server.closeIdleConnections();
}
