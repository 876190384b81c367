import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryStorage, createPayingFetch, openWallet, paymentOf } from '../../src/client/index.js';
import type { PayingFetch } from '../../src/client/index.js';
import { deriveSealKey, openSealedBody, toBase64url } from '../../src/core/index.js';
import { activationOf, buyCard, challengesOf, claimOf } from '../support/card.js';
import { contains, guessSealKeys, valuesOf } from '../support/eavesdropper.js';
import { openMiddlebox, type Middlebox, type MiddleboxOptions } from '../support/middlebox.js';
import { startVendor, type Routes, type TestVendor } from '../support/vendor.js';

/** A proxy that ends TLS stands between wallet and vendor, and reads along. */

const open: Array<{ close(): Promise<void> }> = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

interface World {
  readonly box: Middlebox;
  readonly vendor: TestVendor;
  readonly pay: PayingFetch;
}

const contentId = toBase64url(randomBytes(16));
const contentKey = new Uint8Array(randomBytes(32));

async function startBehindBox(routes: Routes, options?: MiddleboxOptions): Promise<World> {
  const box = await openMiddlebox(options);
  const vendor = await startVendor(routes, {
    origin: box.origin,
    port: 0,
    denominations: [100],
    content: { find: async (id) => (id === contentId ? { key: contentKey, price: 2 } : undefined) },
  });
  const { port } = vendor.server.address() as { port: number };
  box.leadTo(port);
  open.push(vendor, box);
  return {
    box,
    vendor,
    pay: createPayingFetch({ wallet: await richWallet(), limits: { perRequest: 50, total: 100 } }),
  };

  async function richWallet() {
    const wallet = await openWallet({ storage: createMemoryStorage(), fetch: box.fetch });
    const [code] = await vendor.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    await wallet.redeem(box.origin, code!, { protocol: 'chain' });
    return wallet;
  }
}

const secretText = `the letter says ${randomBytes(16).toString('hex')}`;
const openText = `everybody reads ${randomBytes(16).toString('hex')}`;
const letters: Routes = {
  '/letter': {
    price: 3,
    seal: 'required',
    handler: (_req, res) => void res.writeHead(200, { 'Content-Type': 'text/plain' }).end(secretText),
  },
  '/newspaper': { price: 1, handler: (_req, res) => void res.end(openText) },
};

describe('a middlebox that ends TLS', () => {
  it('sees what is sold in the open, and of what is sealed only ciphertext', async () => {
    const { box, pay } = await startBehindBox(letters);
    const secrets: Uint8Array[] = [Buffer.from(secretText), contentKey];
    const texts: string[] = [];
    for (const path of ['/newspaper', '/letter', `/impuls/keys/${contentId}`]) {
      const response = await pay(box.origin + path);
      expect(response.status).toBe(200);
      const { key } = paymentOf(response)!;
      secrets.push(key, deriveSealKey(key));
      texts.push(Buffer.from(await response.arrayBuffer()).toString('latin1'));
    }
    expect(texts).toEqual([openText, secretText, Buffer.from(contentKey).toString('latin1')]);

    const { seen } = box;
    expect(seen.includes('Authorization: Payment ') || seen.includes('authorization: Payment ')).toBe(true);
    expect(seen.includes('Payment-Receipt: ')).toBe(true);
    expect(contains(seen, Buffer.from(openText))).toBe(true);
    const everything = Buffer.concat([seen, ...valuesOf(seen).values()]);
    for (const secret of secrets) expect(contains(everything, secret)).toBe(false);
  });

  it.each(['chain', 'stream'] as const)(
    'cannot derive the key of a %s payment from anything that it saw',
    async (protocol) => {
      const { box, vendor } = await startBehindBox(letters);
      const send = (path: string, init?: RequestInit) => box.fetch(box.origin + path, init);
      const post = (path: string, body: unknown) =>
        send(path, { method: 'POST', body: JSON.stringify(body) });
      const [code] = await vendor.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
      const { document, digest } = vendor.vendor;
      const hand = await buyCard(post, document, code!, { protocol }, 100);
      expect((await post('/impuls/activate', await activationOf(hand, digest))).status).toBe(200);
      const challenge = challengesOf(await send('/letter'))[0]!;
      const numbers = { end: 3, units: 3 };
      const claim = claimOf(hand, challenge, { target: '/letter', seal: 'aes128gcm' }, numbers);
      const response = await send('/letter', { headers: { authorization: claim.authorization } });
      const sealed = new Uint8Array(await response.arrayBuffer());
      expect(await openWith(deriveSealKey(claim.key), sealed)).toBe(secretText);

      const known = valuesOf(box.seen);
      const { payload } = JSON.parse(
        Buffer.from(claim.authorization.slice('Payment '.length), 'base64url').toString(),
      ) as { payload: { nonce: string; proof: string } };
      const [nonce, proof] = [payload.nonce, payload.proof].map((text) => Buffer.from(text, 'base64url'));
      // It did read the claim: the nonce, and for a chain even the link from which the key comes.
      expect(known.has(nonce!.toString('hex')) && known.has(proof!.toString('hex'))).toBe(true);
      const ikm = Buffer.from(hand.card.source.ikm(3));
      expect(known.has(ikm.toString('hex'))).toBe(protocol === 'chain');

      const truth = Buffer.from(deriveSealKey(claim.key)).toString('hex');
      const publicClaim = { units: 3, nonce: nonce! };
      const guesses = guessSealKeys(known.values(), publicClaim);
      expect(guesses.size).toBeGreaterThan(1000);
      expect(guesses.has(truth)).toBe(false);
      // With the secret of the card, which is sent once, sealed to the vendor, the same rules give the key.
      const master = hand.card.opening.subarray(-32);
      expect(guessSealKeys([master, ikm], publicClaim).has(truth)).toBe(true);
    },
  );

  it('that puts its own text in the place of a sealed answer is found out', async () => {
    const forge = (answer: Buffer): Buffer => {
      const text = answer.toString('latin1');
      if (!/^content-encoding: aes128gcm\r\n/im.test(text)) return answer;
      const head = text
        .slice(0, text.indexOf('\r\n\r\n'))
        .replace(/\r\n(?:content-encoding|transfer-encoding):[^\r]*/gi, '');
      return Buffer.from(`${head}\r\nContent-Length: 6\r\nConnection: close\r\n\r\nforged`, 'latin1');
    };
    const { box, pay } = await startBehindBox(letters, { forge });
    const response = await pay(`${box.origin}/letter`);
    await expect(response.text()).rejects.toMatchObject({ code: 'bad-seal' });
  });

  it('passes sealed bodies of any size on, and no more is under way than buffers hold', async () => {
    const mebibyte = 1 << 20;
    const length = 64;
    const piece = randomBytes(mebibyte);
    let produced = 0;
    let consumed = 0;
    let mostUnderWay = 0;
    function* film(): Generator<Buffer> {
      for (let i = 0; i < length; i++) {
        produced += piece.length;
        mostUnderWay = Math.max(mostUnderWay, produced - consumed);
        yield piece;
      }
    }
    const { box, pay } = await startBehindBox(
      {
        '/film': {
          price: 5,
          seal: 'required',
          handler: (_req, res) => pipeline(Readable.from(film(), { objectMode: false }), res),
        },
      },
      { keep: 4 * mebibyte },
    );
    const response = await pay(`${box.origin}/film`);
    const hash = createHash('sha256');
    const reader = response.body!.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      consumed += value.length;
      hash.update(value);
      // The reader is slow: whoever does not wait for it gets far ahead.
      for (let turn = 0; turn < 4; turn++) await setImmediate();
    }
    const expected = createHash('sha256');
    for (let i = 0; i < length; i++) expected.update(piece);
    expect(consumed).toBe(length * mebibyte);
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
    expect(mostUnderWay).toBeLessThan((length / 2) * mebibyte);
    expect(contains(box.seen, piece.subarray(0, 64))).toBe(false);
  });

  it('lets the vendor know when the reader of a sealed body goes away', async () => {
    let stop!: () => void;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    function* endless(): Generator<Buffer> {
      try {
        for (;;) yield Buffer.alloc(65_536, 'x');
      } finally {
        stop();
      }
    }
    const { box, vendor, pay } = await startBehindBox({
      '/radio': {
        price: 5,
        seal: 'required',
        async handler(_req, res) {
          const closed = once(res, 'close');
          const source = Readable.from(endless(), { objectMode: false });
          source.pipe(res);
          await closed;
          source.destroy();
        },
      },
    });
    const response = await pay(`${box.origin}/radio`);
    const reader = response.body!.getReader();
    expect((await reader.read()).value!.length).toBeGreaterThan(0);
    await reader.cancel();
    await stopped;
    expect(vendor.errors).toEqual([]);
    expect((await vendor.ledger.totals()).spent).toBe(5);
  });
});

async function openWith(sealKey: Uint8Array, sealed: Uint8Array): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of openSealedBody(sealKey, new Blob([new Uint8Array(sealed)]).stream()))
    chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
