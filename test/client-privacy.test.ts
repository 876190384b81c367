import { describe, expect, it } from 'vitest';
import {
  createMemoryStorage,
  createPayingFetch,
  createSession,
  openWallet,
  type Transport,
  type Wallet,
  type WalletOptions,
} from '../src/client/index.js';
import { formatKeyDocument, parseKeyDocument, type KeyDocument } from '../src/core/key-document.js';
import { toBase64url } from '../src/core/base64url.js';
import { parseChallenges, parseCredential } from '../src/core/wire/index.js';
import { createWorld, denomination, origin, type Network, type World } from './client-fixture.js';

interface Sent {
  readonly circuit: string;
  readonly request: Request;
  readonly response: Response;
}

/** A transport that writes down what goes by which circuit. */
function recordingTransport(world: World): { readonly transport: Transport; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const circuit = (name: string): typeof fetch => {
    return async (input, init) => {
      const request = new Request(input, init);
      const response = await world.fetch(input, init);
      sent.push({ circuit: name, request, response: response.clone() });
      return response;
    };
  };
  return { transport: { circuit }, sent };
}

const pathOf = ({ request }: Sent): string => new URL(request.url).pathname;
const handler = (): Response => new Response('paid');
const routes = {
  '/a': { price: 3, handler },
  '/dear': { price: 60, handler },
};

async function start(options: Partial<WalletOptions> = {}, cards = 2) {
  const world = await createWorld(routes);
  const { transport, sent } = recordingTransport(world);
  const storage = createMemoryStorage();
  const open = (more: Partial<WalletOptions> = {}): Promise<Wallet> =>
    world.open({ transport, storage, ...options, ...more });
  const wallet = await open();
  const code = await world.voucher(cards);
  await wallet.redeem(origin, code, { protocol: 'chain' });
  const pay = (session = createSession(), by = wallet) =>
    createPayingFetch({ wallet: by, limits: { perRequest: 100, total: 1000 }, session });
  return { world, transport, sent, wallet, storage, open, pay, code };
}

describe('what a wallet sends', () => {
  it('goes by a circuit of the sale, of a look at keys, or of a card: no two of them are one', async () => {
    const { sent, wallet, pay } = await start();
    const sale = sent.splice(0);
    const nameOf = (one: Sent): string => one.circuit.split(' ')[0]!;
    expect(sale.map((one) => `${nameOf(one)} ${pathOf(one)}`)).toEqual([
      'sale /.well-known/impuls',
      'sale /impuls/order',
      'look /.well-known/impuls',
      'sale /.well-known/impuls',
      'sale /impuls/issue',
    ]);
    await pay()(`${origin}/a`);
    const [card] = wallet.cards().filter(({ status }) => status === 'active');
    expect(sent.map((one) => `${one.circuit} ${pathOf(one)}`)).toEqual(
      ['/a', '/.well-known/impuls', '/impuls/activate', '/a'].map((path) => `card ${card!.id} ${path}`),
    );
    expect(new Set([...sale, ...sent].map(({ circuit }) => circuit)).size).toBe(3);
  });

  it('names neither the code nor a card to the transport of a sale', async () => {
    const { sent, code } = await start();
    for (const { circuit } of sent) expect(circuit).not.toContain(code.replaceAll('-', ''));
  });

  it('goes by one circuit at the level pseudonymous', async () => {
    const { sent, pay } = await start({ privacy: 'pseudonymous' });
    await pay()(`${origin}/a`);
    expect(new Set(sent.map(({ circuit }) => circuit))).toEqual(new Set(['wallet']));
  });

  it('brings a challenge back with the card whose circuit it came by, also when that card has too little', async () => {
    const { sent, wallet, pay } = await start();
    const paying = pay();
    for (const path of ['/dear', '/a', '/dear', '/a']) expect((await paying(origin + path)).status).toBe(200);
    expect(
      wallet
        .cards()
        .map(({ left }) => left)
        .sort(),
    ).toEqual([34, 40]);
    const shownBy = new Map<string, string>();
    let claims = 0;
    for (const { circuit, request, response } of sent) {
      const header = response.headers.get('WWW-Authenticate');
      for (const { id } of header ? parseChallenges(header) : []) shownBy.set(id, circuit);
      const authorization = request.headers.get('Authorization');
      const credential = authorization && parseCredential(authorization);
      if (!credential) continue;
      claims++;
      expect(shownBy.get(credential.challenge.id)).toBe(circuit);
      expect(circuit).toBe(`card ${toBase64url(credential.payload.card)}`);
    }
    expect(claims).toBe(4);
  });

  it('takes no cookie along, unless the caller says so', async () => {
    const { world, wallet } = await start();
    const sent: (RequestInit | undefined)[] = [];
    const circuit = (): typeof fetch => async (input, init) => {
      sent.push(init);
      return world.fetch(input, init);
    };
    const other = await world.open({ transport: { circuit } });
    await other.restore(await wallet.backup());
    const paying = createPayingFetch({ wallet: other, limits: { perRequest: 100, total: 1000 } });
    await paying(`${origin}/a`);
    expect(new Set(sent.map((init) => init?.credentials))).toEqual(new Set(['omit']));
    sent.length = 0;
    await paying(`${origin}/a`, { credentials: 'include' });
    expect(sent.map((init) => init?.credentials)).toEqual(['include']);
  });

  it('does not go another way when a circuit fails', async () => {
    const world = await createWorld(routes);
    const asked: string[] = [];
    const circuit = (name: string): typeof fetch => {
      asked.push(name);
      return () => Promise.reject(new TypeError('fetch failed'));
    };
    const wallet = await world.open({ transport: { circuit } });
    const code = await world.voucher();
    await expect(wallet.redeem(origin, code, { protocol: 'chain' })).rejects.toMatchObject({
      code: 'network',
    });
    await expect(
      createPayingFetch({ wallet, limits: { perRequest: 1, total: 1 } })(`${origin}/a`),
    ).rejects.toThrow('fetch failed');
    expect(world.arrived).toEqual([]);
    expect(asked.length).toBeGreaterThan(1);
  });

  it('is refused together with a fetch of its own, and with a delay out of range', async () => {
    const { transport } = recordingTransport(await createWorld({}));
    const storage = createMemoryStorage();
    for (const wrong of [{ transport, fetch }, { activationDelay: -1 }, { activationDelay: 2_592_001 }]) {
      await expect(openWallet({ storage, ...wrong })).rejects.toMatchObject({ code: 'invalid-argument' });
    }
  });
});

describe('a card that rests', () => {
  const hour = 3600;

  it('is not shown to its vendor before its time, whoever asks', async () => {
    const { world, sent, wallet, pay, open } = await start({ activationDelay: 24 * hour }, 1);
    const { usableFrom = 0 } = wallet.cards()[0]!;
    expect(usableFrom * 1000).toBeGreaterThan(world.time.ms);
    expect(usableFrom * 1000).toBeLessThanOrEqual(world.time.ms + 24 * hour * 1000);
    sent.length = 0;
    await expect(pay()(`${origin}/a`)).rejects.toMatchObject({
      code: 'no-card',
      hint: expect.stringContaining('rests'),
    });
    expect(sent.map((one) => `${one.circuit} ${pathOf(one)}`)).toEqual([`open ${origin} /a`]);
    const again = await open();
    expect(again.cards()[0]!.usableFrom).toBe(usableFrom);
    world.time.ms = usableFrom * 1000;
    expect((await pay(createSession(), again)(`${origin}/a`)).status).toBe(200);
  });

  it('rests for a time that is drawn evenly', async () => {
    const draws: number[] = [];
    for (const byte of [0, 0x40, 0x80, 0xff]) {
      const world = await createWorld(routes);
      const random = (length: number) =>
        length === 4 ? new Uint8Array(4).fill(byte) : crypto.getRandomValues(new Uint8Array(length));
      const wallet = await world.open({ activationDelay: hour, random });
      const [card] = await wallet.redeem(origin, await world.voucher(), { protocol: 'chain' });
      draws.push(card!.usableFrom! - world.time.ms / 1000);
    }
    expect(draws).toEqual([0, 904, 1808, 3600]);
  });

  it('is not asked for together with others when a backup is restored', async () => {
    const { world, sent, wallet, transport } = await start();
    sent.length = 0;
    const other = await world.open({ transport, activationDelay: hour });
    expect(await other.restore(await wallet.backup())).toHaveLength(2);
    expect(sent.map(pathOf)).toEqual(['/.well-known/impuls']);
    await other.recover();
    expect(sent).toHaveLength(1);
  });
});

describe('sessions', () => {
  const privacy = 'unlinkable-sessions';
  const cardsOf = (sent: readonly Sent[]): string[] => [...new Set(sent.map(({ circuit }) => circuit))];

  it('pay with cards of their own, however many requests they make', async () => {
    const { sent, pay } = await start({ privacy }, 3);
    const used: string[][] = [];
    for (let i = 0; i < 3; i++) {
      sent.length = 0;
      const paying = pay();
      for (let n = 0; n < 3; n++) await paying(`${origin}/a`);
      used.push(cardsOf(sent));
    }
    expect(used.map((cards) => cards.length)).toEqual([1, 1, 1]);
    expect(new Set(used.flat()).size).toBe(3);
    await expect(pay()(`${origin}/a`)).rejects.toMatchObject({ code: 'no-card' });
  });

  it('take one card after the other when the first has too little', async () => {
    const { wallet, pay } = await start({ privacy }, 3);
    const session = createSession();
    for (let n = 0; n < 2; n++) await pay(session)(`${origin}/dear`);
    expect(session.cards()).toHaveLength(2);
    expect(
      wallet
        .cards()
        .map(({ left }) => left)
        .sort((a, b) => a - b),
    ).toEqual([40, 40, denomination]);
  });

  it('at the same time take different cards', async () => {
    const { pay } = await start({ privacy }, 2);
    const [one, other] = [createSession(), createSession()];
    await Promise.all([pay(one)(`${origin}/a`), pay(other)(`${origin}/a`)]);
    expect(one.cards()).toHaveLength(1);
    expect(other.cards()).toHaveLength(1);
    expect(one.cards()).not.toEqual(other.cards());
  });

  it('go on with their cards in another process, which others do not take', async () => {
    const { wallet, pay, open } = await start({ privacy }, 1);
    const session = createSession();
    await pay(session)(`${origin}/a`);
    await wallet.close();
    const again = await open();
    await expect(pay(createSession(), again)(`${origin}/a`)).rejects.toMatchObject({ code: 'no-card' });
    expect((await pay(createSession(session.cards()), again)(`${origin}/a`)).status).toBe(200);
  });
});

describe('a vendor that shows a buyer a key document of his own', () => {
  const succeed = (document: KeyDocument, change: Partial<KeyDocument>): KeyDocument => ({
    ...document,
    ...change,
    previous: [...document.previous, toBase64url(parseKeyDocument(formatKeyDocument(document)).digest)],
  });
  const showing =
    (document: () => KeyDocument): Network =>
    async (request, deliver) =>
      request.url.endsWith('/.well-known/impuls')
        ? new Response(formatKeyDocument(document()) as BodyInit)
        : deliver();

  it('is not told its name at the activation', async () => {
    const world = await createWorld(routes);
    const { transport, sent } = recordingTransport(world);
    const wallet = await world.open({ transport });
    const marked = succeed(world.vendor.document, { name: 'Example News for Alice' });
    let shown = marked;
    world.network = showing(() => shown);
    await wallet.redeem(origin, await world.voucher(), { protocol: 'chain' });
    sent.length = 0;
    shown = world.vendor.document;
    const paying = createPayingFetch({ wallet, limits: { perRequest: 100, total: 100 } });
    await expect(paying(`${origin}/a`)).rejects.toMatchObject({ code: 'bad-document' });
    expect(sent.map(pathOf)).not.toContain('/impuls/activate');
    for (const { request } of sent) expect(request.body).toBeNull();
    // Shown to everybody it is an honest successor, and may be named.
    shown = marked;
    await expect(paying(`${origin}/a`)).rejects.toMatchObject({ code: 'key-retired' });
    expect(sent.map(pathOf)).toContain('/impuls/activate');
  });

  it('is found out before anything is bought, by a second look on another circuit', async () => {
    const world = await createWorld(routes);
    const wallet = await world.open(recordingTransport(world));
    const [a, b] = ['Alice', 'Bob'].map((name) => succeed(world.vendor.document, { name }));
    let looks = 0;
    world.network = showing(() => (looks++ === 0 ? a! : b!));
    await expect(wallet.redeem(origin, await world.voucher(), { protocol: 'chain' })).rejects.toMatchObject({
      code: 'bad-document',
    });
    expect(world.arrived).not.toContain('POST /impuls/issue');
  });
});
