import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createPayingFetch, openWallet, paymentOf } from '../../dist/client/index.js';
import { openFileStorage } from '../../dist/node/file-storage.js';

/**
 * Recovers a wallet, redeems what it has no card of, and makes calls, eight at a time, each once. It prints a line at every
 * step, so that it can be killed at any: `end` with what a call brought, and words for the others.
 *
 * Arguments: the wallet's file, the vendor's origin, a file with the calls as JSON, a voucher for `chain` and one for `stream`.
 */
const [path, origin, callsPath, ...vouchers] = process.argv.slice(2);
const protocols = ['chain', 'stream'];
const inFlight = 8;

const print = (...words) => process.stdout.write(`${words.join(' ')}\n`);

async function told(word, operation) {
  print('begin', word);
  const result = await operation();
  print('done', word);
  return result;
}

const storage = await openFileStorage(path);
const wallet = await openWallet({
  storage: { ...storage, write: (changes) => told('write', () => storage.write(changes)) },
  fetch: (input, init) => told('fetch', () => fetch(input, init)),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, 20))),
});
await wallet.recover();
for (const [i, protocol] of protocols.entries()) {
  const has = () => wallet.cards().some((card) => card.protocol === protocol);
  for (let attempt = 0; attempt < 10 && !has(); attempt++) {
    await wallet.redeem(origin, vouchers[i], { protocol }).catch((error) => print('failed', error.code));
  }
}

const limits = { perRequest: 9, total: 10_000 };
const payers = protocols.map((protocol) =>
  createPayingFetch({ wallet, protocol, limits, retry: { baseDelayMs: 5 } }),
);
const calls = JSON.parse(readFileSync(callsPath, 'utf8'));
let next = 0;
await Promise.all(Array.from({ length: inFlight }, work));
await wallet.close();

async function work() {
  while (next < calls.length) {
    const call = calls[next++];
    print('call', call.target);
    print('end', JSON.stringify({ call, ...(await make(call, payers[next % 2])) }));
  }
}

async function make({ method, target, body }, pay) {
  let response;
  try {
    response = await pay(origin + target, { method, body });
  } catch (error) {
    return { reason: error.code ?? String(error) };
  }
  const { status } = response;
  const text = await response.text().catch(() => undefined);
  const digest = text && createHash('sha256').update(text).digest('base64url');
  return { status, reference: paymentOf(response)?.reference, digest };
}
