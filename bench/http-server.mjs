/**
 * The server of bench/http.mjs: one `node:http` route, free at /free and behind a gate at /paid, durable in SQLite.
 * Prepares the credentials of its clients, one card each, and writes them to a file; then serves until it is told to stop.
 */
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import {
  activationKeyId,
  computeTag,
  deriveCard,
  fromBase64url,
  generateEnvelopeKey,
  issuingKeyId,
  readOpening,
  toBase64url,
} from 'impuls';
import { formatCredential, parseChallenges } from 'impuls/wire';
import { createVendor } from 'impuls/server';
import { createPaidNodeHandler } from 'impuls/server/node';
import { openSqliteLedger } from 'impuls/server/sqlite';

const [, , folder, clients, claims, protocol, upstreamPort] = process.argv;

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const activation = await generateEnvelopeKey((length) => randomBytes(length));
const statement = randomBytes(32);
// No card is sold here: any odd number of 3072 bits does for a modulus.
const n = randomBytes(384);
n[0] |= 0x80;
n[383] |= 1;
const seconds = Math.floor(Date.now() / 1000);
const keyId = issuingKeyId(n);
const document = {
  version: 1,
  origin,
  name: 'Bench',
  unit: { code: 'unit', currency: 'USD', value: '0.001' },
  activation: { id: activationKeyId(activation.publicKey), key: toBase64url(activation.publicKey) },
  statement: { key: toBase64url(ed25519.getPublicKey(statement)) },
  cards: [
    {
      id: keyId,
      n: toBase64url(n),
      denomination: 1_000_000,
      epoch: 'bench',
      notBefore: seconds,
      notAfter: seconds + 90 * 86400,
      expires: seconds + 900 * 86400,
    },
  ],
  endpoints: {
    activate: '/impuls/activate',
    issue: '/impuls/issue',
    order: '/impuls/order',
    state: '/impuls/state',
    statement: '/impuls/statement',
  },
  policy: { grace: 0, retention: 86400 },
  previous: [],
};
const keys = {
  issuing: [],
  activation: new Map([[document.activation.id, activation.secretKey]]),
  statement,
  challenge: randomBytes(32),
  voucher: randomBytes(32),
};

const ledger = await openSqliteLedger({ path: `${folder}/ledger.db` });
const vendor = createVendor({ document, keys, ledger, onError: (error) => console.error(error) });
const body = JSON.stringify({ text: 'x'.repeat(1024 - 11) });
const answer = (_req, res) => {
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  res.end(body);
};
const gate = vendor.gate({ price: 1 });
const paid = createPaidNodeHandler(gate, answer);

const refused = await gate({
  method: 'GET',
  target: '/paid',
  header: () => undefined,
  body: async () => new Uint8Array(0),
});
const [challenge] = parseChallenges(
  refused.reply.headers
    .filter(([name]) => name === 'WWW-Authenticate')
    .map(([, value]) => value)
    .join(', '),
);
const tokens = [];
for (let client = 0; client < Number(clients); client++) {
  const card = deriveCard(randomBytes(32), { protocol }, 1_000_000);
  const opened = readOpening(card.opening, 1_000_000);
  const { id, message, master, scheme } = opened;
  await ledger.openCard(
    { id, message, keyId, master, protocol, scheme: scheme.encode(), expires: document.cards[0].expires },
    opened.state,
    Math.floor(Date.now() / 1000),
  );
  const lines = [];
  for (let end = 1; end <= Number(claims); end++) {
    const claim = {
      card: fromBase64url(id),
      protocol,
      end,
      units: 1,
      nonce: randomBytes(16),
      proof: card.source.proof(end),
    };
    const tag = computeTag(
      card.keys.auth,
      { method: 'GET', target: `${origin}/paid`, headers: [], challengeId: challenge.id },
      claim,
    );
    lines.push(formatCredential(challenge, { action: 'pay', ...claim, tag }));
  }
  tokens.push(lines);
}
writeFileSync(`${folder}/tokens.json`, JSON.stringify(tokens));
// A heap full of credentials would be what is measured.
tokens.length = 0;

/** The same two routes in front of an upstream, for bench/proxy.mjs. */
async function openUpstream() {
  const { openProxy } = await import('../dist/node/proxying/proxy.js');
  const { parseProxyConfig } = await import('../dist/node/proxying/config.js');
  const file = { upstream: `http://127.0.0.1:${upstreamPort}`, routes: [{ path: '/paid', price: 1 }] };
  return openProxy(vendor, parseProxyConfig(JSON.stringify(file)));
}

const proxy = upstreamPort && (await openUpstream());
server.on('request', (req, res) => {
  if (proxy) proxy.answer(req, res).catch((error) => console.error(error));
  else if (req.url === '/paid') paid(req, res).catch((error) => console.error(error));
  else answer(req, res);
});
process.send({ ready: server.address().port });
process.on('message', async (message) => {
  if (message === 'usage') return process.send({ usage: process.cpuUsage() });
  const { spent } = await ledger.totals();
  server.closeAllConnections();
  server.close();
  await ledger.close();
  process.send({ spent }, () => process.disconnect());
});
