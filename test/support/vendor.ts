import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { toBase64url } from '../../src/core/base64url.js';
import { generateEnvelopeKey } from '../../src/core/envelope.js';
import { activationKeyId, issuingKeyId, type KeyDocument } from '../../src/core/key-document.js';
import {
  createNodeContentHandler,
  createNodeHandler,
  createPaidNodeHandler,
  type PaidNodeHandler,
} from '../../src/node/http.js';
import { createRsaSigner, generateIssuingKey } from '../../src/node/rsa.js';
import {
  createMemoryLedger,
  createVendor,
  type ContentKeys,
  type ContentOptions,
  type Ledger,
  type Route,
  type Vendor,
  type VendorKeys,
  type VendorOptions,
} from '../../src/server/index.js';

/** A real vendor on a real port, for tests. Issuing keys are made once a process: each takes a second. */

const pems = new Map<number, string>();

export interface TestVendorOptions {
  readonly ledger?: Ledger;
  readonly denominations?: readonly number[];
  readonly clock?: () => number;
  /** Default: a port of the system's choice on loopback. */
  readonly origin?: string;
  /** Where it listens, if another server stands before it. Default: the port of the origin. */
  readonly port?: number;
  readonly keys?: VendorKeys;
  readonly document?: KeyDocument;
  readonly cors?: VendorOptions['cors'];
  readonly metering?: VendorOptions['metering'];
  /** Content keys to sell. */
  readonly content?: ContentKeys & ContentOptions;
}

export const now = Date.UTC(2026, 10, 22, 12) / 1000;

export async function createTestKeys(
  origin: string,
  denominations: readonly number[] = [100, 1000],
  seconds = now,
): Promise<{ keys: VendorKeys; document: KeyDocument }> {
  const signers = denominations.map((denomination) => {
    const pem = pems.get(denomination) ?? generateIssuingKey().pem;
    pems.set(denomination, pem);
    return { denomination, signer: createRsaSigner(pem) };
  });
  const activation = await generateEnvelopeKey((length) => randomBytes(length));
  const statement = randomBytes(32);
  const document: KeyDocument = {
    version: 1,
    origin,
    name: 'Example News',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    activation: { id: activationKeyId(activation.publicKey), key: toBase64url(activation.publicKey) },
    statement: { key: toBase64url(ed25519.getPublicKey(statement)) },
    cards: signers.map(({ denomination, signer }) => ({
      id: issuingKeyId(signer.n),
      n: toBase64url(signer.n),
      denomination,
      epoch: '2026-11',
      notBefore: seconds - 86_400,
      notAfter: seconds + 90 * 86_400,
      expires: seconds + 5 * 365 * 86_400,
    })),
    endpoints: {
      activate: '/impuls/activate',
      issue: '/impuls/issue',
      order: '/impuls/order',
      state: '/impuls/state',
      statement: '/impuls/statement',
      credit: '/impuls/credit',
      meter: '/impuls/meter',
    },
    policy: { grace: 30 * 86_400, refund: 'reference', retention: 40 * 86_400 },
    previous: [],
  };
  const keys: VendorKeys = {
    issuing: signers.map(({ signer }) => signer),
    activation: new Map([[document.activation.id, activation.secretKey]]),
    statement,
    challenge: randomBytes(32),
    voucher: randomBytes(32),
  };
  return { keys, document };
}

/** A handler by path, each behind its own gate. */
export type Routes = Readonly<Record<string, Route & { readonly handler: PaidNodeHandler }>>;

export interface TestVendor {
  readonly origin: string;
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  readonly server: Server;
  readonly errors: unknown[];
  close(): Promise<void>;
}

export async function startVendor(routes: Routes, options: TestVendorOptions = {}): Promise<TestVendor> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    const port = options.port ?? (options.origin ? Number(new URL(options.origin).port) : 0);
    server.listen(port, '127.0.0.1', resolve);
  });
  const origin = options.origin ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = options.clock ?? Date.now;
  const made =
    options.keys && options.document
      ? { keys: options.keys, document: options.document }
      : await createTestKeys(origin, options.denominations, Math.floor(clock() / 1000));
  const ledger = options.ledger ?? createMemoryLedger();
  const errors: unknown[] = [];
  const { cors = 'any', content, metering = {} } = options;
  const onError = (error: unknown): unknown => errors.push(error);
  const vendor = createVendor({ ...made, ledger, clock, cors, metering, onError });
  const handlers = new Map(
    Object.entries(routes).map(([path, { handler, ...route }]) => [
      path,
      createPaidNodeHandler(vendor.gate(route), handler),
    ]),
  );
  const own = createNodeHandler(vendor);
  const keys = content && createNodeContentHandler(vendor, content, content);
  server.on('request', (req, res) => {
    const paid = handlers.get(new URL(req.url ?? '/', origin).pathname);
    const fail = (error: unknown): unknown => errors.push(error);
    const next = keys && ((): unknown => keys(req, res).catch(fail));
    (paid ? paid(req, res) : own(req, res, next)).catch(fail);
  });
  return {
    origin,
    vendor,
    ledger,
    server,
    errors,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await ledger.close();
    },
  };
}
