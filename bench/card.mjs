/** Getting a card: how long until one of 10,000 units is ready to be blinded, and how fast a vendor issues. */
import { constants, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { blindMessage, deriveCard, prepareMessage, toBase64url } from 'impuls';
import { createMemoryLedger } from 'impuls/server';
import { createRsaSigner } from 'impuls/server/node';
import { HmacKey } from '../dist/core/hash.js';
import { issue } from '../dist/server/issue.js';
import { createVouchers } from '../dist/server/vouchers.js';

const ms = (start) => Number(process.hrtime.bigint() - start) / 1e6;
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Issues cards one by one, and signs as often with the bare key in between, so that both see the same machine. */
async function issuing(cards) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const signer = createRsaSigner(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const ledger = createMemoryLedger();
  const voucherKey = new HmacKey(randomBytes(32));
  const entry = {
    id: signer.id,
    n: toBase64url(signer.n),
    denomination: 100,
    epoch: 'bench',
    notBefore: 0,
    notAfter: 1e10,
    expires: 1e10,
  };
  const issuer = { document: { cards: [entry] }, signers: [signer], ledger, voucherKey };
  const codes = await createVouchers(
    ledger,
    voucherKey,
    randomBytes,
    [{ denomination: 100, count: 1 }],
    cards,
    1e9,
  );
  const blinded = codes.map(() => {
    const { message } = deriveCard(randomBytes(32), { protocol: 'stream' }, 100);
    return blindMessage(signer.n, prepareMessage(randomBytes(32), message), randomBytes).blinded;
  });
  const times = { raw: [], issued: [] };
  for (const [i, code] of codes.entries()) {
    let start = process.hrtime.bigint();
    privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, blinded[i]);
    times.raw.push(ms(start));
    start = process.hrtime.bigint();
    await issue(issuer, { order: code, items: [{ key: signer.id, blinded: blinded[i] }] }, 1);
    times.issued.push(ms(start));
  }
  return { rawMilliseconds: median(times.raw), issueMilliseconds: median(times.issued) };
}

export async function run({ quick = false } = {}) {
  const ready = [];
  for (let i = 0; i < (quick ? 20 : 60); i++) {
    const start = process.hrtime.bigint();
    deriveCard(randomBytes(32), { protocol: 'chain' }, 10_000);
    ready.push(ms(start));
  }
  const { rawMilliseconds, issueMilliseconds } = await issuing(quick ? 60 : 300);
  return {
    chainOf10000Milliseconds: Number(median(ready).toFixed(2)),
    rawSignMilliseconds: Number(rawMilliseconds.toFixed(3)),
    issueMilliseconds: Number(issueMilliseconds.toFixed(3)),
    issueRateOverRaw: Number((rawMilliseconds / issueMilliseconds).toFixed(2)),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(await run({ quick: process.argv.includes('--quick') }));
