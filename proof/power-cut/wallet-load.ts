import { createPayingFetch, openWallet } from '../../src/client/index.js';
import { openFileStorage } from '../../src/node/file-storage.js';
import { parseCredential } from '../../src/core/wire/credential.js';
import { toBase64url } from '../../src/core/base64url.js';
import { began, origin } from '../hostile/identity.js';
import { tell } from './tell.js';
import type { Tunneled, TunneledReply } from './wallet-vendor.js';

/** A wallet in a file, which pays, and tells what it has shown to the vendor before it does. */
export interface WalletSettings {
  readonly path: string;
  /** Of the vendor that takes requests as JSON. */
  readonly port: number;
  readonly codes: readonly string[];
  readonly payments: number;
  /** From 0: no request is made by two lives. */
  readonly life: number;
}

const { path, port, codes, payments, life } = JSON.parse(process.argv[2]!) as WalletSettings;
const protocols = ['chain', 'stream'] as const;

const wallet = await openWallet({
  storage: await openFileStorage(path),
  fetch: carry,
  clock: () => began * 1000,
});
// What a process shows is as good as what it did itself.
for (const { id } of wallet.cards()) tell('card', id);
await wallet.recover();
for (const [i, code] of codes.entries()) {
  const cards = await wallet.redeem(origin, code, { protocol: protocols[i % 2]! });
  for (const { id } of cards) tell('card', id);
}
let next = 0;
await Promise.all([0, 1, 0, 1].map((kind) => pay(protocols[kind]!)));
await wallet.close();

async function pay(protocol: (typeof protocols)[number]): Promise<void> {
  const payer = createPayingFetch({ wallet, protocol, limits: { perRequest: 10, total: 1e9 } });
  while (next < payments) {
    const target = `/${next % 3 ? 'one' : 'three'}?call=${life}.${next}`;
    next++;
    const response = await payer(origin + target);
    await response.text();
  }
}

async function carry(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const authorization = headers.get('authorization');
  const payload = authorization ? parseCredential(authorization)?.payload : undefined;
  const tag = payload && toBase64url(payload.tag);
  if (payload) {
    tell('sent', toBase64url(payload.card), payload.protocol, payload.end, payload.units, tag!);
  }
  const body =
    init.body === undefined || init.body === null ? undefined : await new Response(init.body).text();
  const request: Tunneled = {
    url: input instanceof Request ? input.url : input.toString(),
    method: init.method ?? 'GET',
    headers: [...headers],
    ...(body !== undefined && { body }),
  };
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: JSON.stringify(request) });
  const reply = (await answer.json()) as TunneledReply;
  if (tag !== undefined && reply.status >= 400) tell('freed', tag);
  return new Response(reply.body === null ? null : Buffer.from(reply.body, 'base64'), {
    status: reply.status,
    headers: reply.headers as [string, string][],
  });
}
