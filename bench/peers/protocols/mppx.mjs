/**
 * mppx: a voucher of a Tempo session, its signature alone and through the framework; and the framework with a method that accepts
 * whatever comes. The channel is open and known, and the chain is never asked: all of it in favour of the peer.
 */
import { randomBytes } from 'node:crypto';
import { Challenge, Credential, Method, Receipt, Store, z } from 'mppx';
import { Mppx as Payer, tempo as payingTempo } from 'mppx/client';
import { Mppx, tempo } from 'mppx/server';
import { Session } from 'mppx/tempo';
import { createClient, custom } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { tempo as chain } from 'viem/chains';

const { Channel, Voucher, Constants } = Session.Precompile;
const url = 'https://news.example/articles/2026/11/22/on-small-change';
const currency = '0x20c0000000000000000000000000000000000001';
const payee = privateKeyToAccount(generatePrivateKey()).address;
const zeroAddress = '0x0000000000000000000000000000000000000000';
const escrow = Constants.tip20ChannelEscrow;
const deposit = 10n ** 15n;
const chainId = chain.id;
const secretKey = randomBytes(32).toString('hex');
const realm = 'news.example';
const expires = '2036-01-01T00:00:00Z';

/** A client that may not ask its chain anything. */
const deaf = createClient({
  chain,
  transport: custom({
    request: async ({ method }) => {
      throw new Error(`the chain was asked for ${method}`);
    },
  }),
});

/** A channel that was opened, as the server and as the payer know it. */
function openChannel() {
  const account = privateKeyToAccount(generatePrivateKey());
  const descriptor = {
    payer: account.address,
    payee,
    operator: zeroAddress,
    token: currency,
    salt: `0x${randomBytes(32).toString('hex')}`,
    authorizedSigner: account.address,
    expiringNonceHash: `0x${randomBytes(32).toString('hex')}`,
  };
  const channelId = Channel.computeId({ ...descriptor, chainId: chain.id, escrow });
  return { account, descriptor, channelId };
}

const stateOf = ({ account, descriptor, channelId }) => ({
  authorizedSigner: account.address,
  backend: 'precompile',
  chainId: chain.id,
  channelId,
  closeRequestedAt: 0n,
  createdAt: new Date(0).toISOString(),
  deposit,
  descriptor,
  escrowContract: escrow,
  expiringNonceHash: descriptor.expiringNonceHash,
  finalized: false,
  highestVoucher: null,
  highestVoucherAmount: 0n,
  operator: zeroAddress,
  payee,
  payer: account.address,
  salt: descriptor.salt,
  settledOnChain: 0n,
  spent: 0n,
  token: currency,
  units: 0,
});

export async function makeStore(channels) {
  const store = Store.memory();
  for (const channel of channels) await store.put(channel.channelId, stateOf(channel));
  return store;
}

export async function createSessionServer(channels) {
  const store = await makeStore(channels);
  const method = tempo.session({
    store,
    currency,
    recipient: payee,
    chainId: chain.id,
    getClient: () => deaf,
    // What the chain says of a channel is taken as known for good.
    channelStateTtl: Infinity,
    unitType: 'request',
  });
  return Mppx.create({ methods: [method], secretKey, realm });
}

const routeOf = (server, amount) =>
  server.session({ amount: String(amount), expires, suggestedDeposit: '1' });

async function challengeOf(handler) {
  const { challenge } = await handler(new Request(url));
  return Challenge.deserialize(challenge.headers.get('www-authenticate'));
}

/** @returns as many credentials of each channel, in order */
export async function makeVouchers(channels, count, amount) {
  const server = await createSessionServer([]);
  const challenge = await challengeOf(routeOf(server, amount));
  const price = BigInt(challenge.request.amount);
  const each = [];
  for (const { account, descriptor, channelId } of channels) {
    const [method] = [payingTempo.session({ account, getClient: () => deaf })].flat();
    const lines = [];
    for (let at = 1n; at <= BigInt(count); at++) {
      const context = { action: 'voucher', descriptor, channelId, cumulativeAmountRaw: String(at * price) };
      lines.push(await method.createCredential({ challenge, context }));
    }
    each.push(lines);
  }
  return each;
}

export const openSessions = (count) => Array.from({ length: count }, openChannel);

export { Payer, chainId, deaf, deposit, escrow, payingTempo, routeOf };

/** The challenge, the signature and that the amount rises. */
export function openVoucher() {
  return {
    async prepare(count, amount) {
      const channel = openChannel();
      const [items] = await makeVouchers([channel], count, amount);
      return { items, start: () => startVoucher(channel) };
    },
  };
}

function startVoucher({ account, channelId }) {
  let highest = 0n;
  return (value) => {
    const { challenge, payload } = Credential.deserialize(value);
    if (!Challenge.verify(challenge, { secretKey }) || payload.channelId !== channelId) return false;
    const voucher = Voucher.parseVoucherFromPayload(channelId, payload.cumulativeAmount, payload.signature);
    if (voucher.cumulativeAmount < highest + BigInt(challenge.request.amount)) return false;
    if (!Voucher.verifyVoucher(escrow, chain.id, voucher, account.address)) return false;
    highest = voucher.cumulativeAmount;
    return true;
  };
}

/** A request at the framework, with a voucher of a Tempo session. The Request is made before the clock starts. */
export function openSession() {
  return {
    async prepare(count, amount) {
      const channel = openChannel();
      const [values] = await makeVouchers([channel], count, amount);
      return { items: values.map(requestWith), start: () => startSession(channel, amount) };
    },
  };
}

const requestWith = (value) => new Request(url, { headers: { Authorization: value } });
const answer = new Response(null);

async function startSession(channel, amount) {
  const handler = routeOf(await createSessionServer([channel]), amount);
  return async (request) => {
    const result = await handler(request);
    return result.status === 200 && result.withReceipt(answer).headers.has('payment-receipt');
  };
}

const trivial = Method.from({
  name: 'trivial',
  intent: 'charge',
  schema: {
    credential: { payload: z.object({ token: z.string() }) },
    request: z.object({ amount: z.string() }),
  },
});

export function createTrivialServer() {
  const method = Method.toServer(trivial, {
    async verify() {
      const timestamp = new Date().toISOString();
      return Receipt.from({ method: 'trivial', reference: 'none', status: 'success', timestamp });
    },
  });
  return Mppx.create({ methods: [method], secretKey, realm });
}

export const trivialRoute = () => createTrivialServer().charge({ amount: '1', expires });

export async function makeTrivial(count) {
  const challenge = await challengeOf(trivialRoute());
  return Array.from({ length: count }, () =>
    Credential.serialize(Credential.from({ challenge, payload: { token: randomBytes(16).toString('hex') } })),
  );
}

/** The framework itself: a method that accepts whatever comes, and keeps no state. */
export function openTrivial() {
  return {
    async prepare(count) {
      const values = await makeTrivial(count);
      return { items: values.map(requestWith), start: startTrivial };
    },
  };
}

function startTrivial() {
  const handler = trivialRoute();
  return async (request) => {
    const result = await handler(request);
    return result.status === 200 && result.withReceipt(answer).headers.has('payment-receipt');
  };
}
