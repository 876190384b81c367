/**
 * x402, scheme `exact` on EVM (EIP-3009): the vendor's server and his facilitator in one process. Whatever the chain would be asked is
 * answered at once, and the settlement succeeds at once: all of it in favour of the peer.
 */
import { randomBytes } from 'node:crypto';
import { x402Client } from '@x402/core/client';
import { decodePaymentSignatureHeader, encodePaymentSignatureHeader } from '@x402/core/http';
import { x402HTTPResourceServer, x402ResourceServer } from '@x402/core/server';
import { ExactEvmScheme as PayingScheme } from '@x402/evm/exact/client';
import { ExactEvmScheme as FacilitatorScheme } from '@x402/evm/exact/facilitator';
import { ExactEvmScheme as ServerScheme } from '@x402/evm/exact/server';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';

const network = 'eip155:84532';
const asset = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
const payTo = privateKeyToAccount(generatePrivateKey()).address;
export const path = '/paid';
const resource = `http://127.0.0.1${path}`;

/** A chain that says yes: the token is a contract, payers are none, and what is simulated works. */
const signer = {
  getAddresses: () => [payTo],
  getCode: async ({ address }) => (address === asset ? '0x60' : '0x'),
  readContract: async () => undefined,
};

const requirementsOf = (amount) => ({
  scheme: 'exact',
  network,
  asset,
  amount: String(amount),
  payTo,
  maxTimeoutSeconds: 86_400,
  extra: { name: 'USDC', version: '2' },
});

export const createPayer = () =>
  new x402Client().register(network, new PayingScheme(privateKeyToAccount(generatePrivateKey())));

export async function makePayments(count, amount) {
  const client = createPayer();
  const required = {
    x402Version: 2,
    resource: { url: resource, description: '', mimeType: 'application/json' },
    accepts: [requirementsOf(amount)],
  };
  const values = [];
  for (let at = 0; at < count; at++) {
    values.push(encodePaymentSignatureHeader(await client.createPaymentPayload(required)));
  }
  return values;
}

/** The header and the facilitator's verification; nonces are remembered, as the chain would. */
export function openVerification() {
  return {
    async prepare(count, amount) {
      return { items: await makePayments(count, amount), start: () => startVerification(amount) };
    },
  };
}

function startVerification(amount) {
  const scheme = new FacilitatorScheme(signer);
  const requirements = requirementsOf(amount);
  const spent = new Set();
  return async (value) => {
    const payment = decodePaymentSignatureHeader(value);
    const { nonce } = payment.payload.authorization;
    if (spent.has(nonce)) return false;
    const { isValid } = await scheme.verify(payment, requirements);
    if (isValid) spent.add(nonce);
    return isValid;
  };
}

export function createFacilitator() {
  const scheme = new FacilitatorScheme(signer);
  return {
    verify: (payment, requirements) => scheme.verify(payment, requirements),
    settle: async (payment) => ({
      success: true,
      transaction: `0x${randomBytes(32).toString('hex')}`,
      network,
      payer: payment.payload.authorization.from,
    }),
    getSupported: async () => ({
      kinds: [{ x402Version: 2, scheme: 'exact', network }],
      extensions: [],
      signers: { 'eip155:*': [payTo] },
    }),
  };
}

export async function createServer(facilitator, amount) {
  const resources = new x402ResourceServer(facilitator).register(network, new ServerScheme());
  const price = { amount: String(amount), asset, extra: { name: 'USDC', version: '2' } };
  const accepts = { scheme: 'exact', network, payTo, price, maxTimeoutSeconds: 86_400 };
  const server = new x402HTTPResourceServer(resources, { [`GET ${path}`]: { accepts } });
  await server.initialize();
  return server;
}

/** What its adapters for frameworks make of a request. */
export const contextOf = (header, url = resource) => ({
  adapter: {
    getHeader: header,
    getMethod: () => 'GET',
    getPath: () => path,
    getUrl: () => url,
    getAcceptHeader: () => '*/*',
    getUserAgent: () => '',
  },
  path,
  decodedPath: path,
  method: 'GET',
  paymentHeader: header('payment-signature'),
});

/** Verified, the handler run, settled. @returns the headers of the answer, or undefined where it is refused */
export async function pay(server, context) {
  const result = await server.processHTTPRequest(context);
  if (result.type !== 'payment-verified') return undefined;
  const { paymentPayload, paymentRequirements, declaredExtensions } = result;
  const settled = await server.processSettlement(paymentPayload, paymentRequirements, declaredExtensions, {
    request: context,
  });
  return settled.success ? settled.headers : undefined;
}

/** A request at the framework, until it is settled. */
export function openFramework() {
  return {
    async prepare(count, amount) {
      const values = await makePayments(count, amount);
      const items = values.map((value) =>
        contextOf((name) => (name.toLowerCase() === 'payment-signature' ? value : undefined)),
      );
      return { items, start: () => startFramework(amount) };
    },
  };
}

async function startFramework(amount) {
  const server = await createServer(createFacilitator(), amount);
  return async (context) => (await pay(server, context)) !== undefined;
}
