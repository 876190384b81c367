import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryStorage, createPayingFetch, openWallet, type Wallet } from '../src/client/index.js';
import { toBase64url } from '../src/core/base64url.js';
import { isImpulsError } from '../src/core/errors.js';
import { formatKeyDocument, parseKeyDocument, type KeyDocument } from '../src/core/key-document.js';
import { canonicalJson, type JsonValue } from '../src/core/wire/index.js';
import { issuingKeys, revocationOf } from '../src/core/key-life.js';
import { generateIssuingKey } from '../src/node/rsa.js';
import { initVendorFolder, openVendorFolder } from '../src/node/vendor/folder.js';
import { revokeKey } from '../src/node/vendor/revocation.js';
import { rotateKeys, type Rotation } from '../src/node/vendor/rotation.js';
import {
  createFetchHandler,
  createMemoryLedger,
  createPaidHandler,
  createVendor,
  type Vendor,
} from '../src/server/index.js';

/** The keys of a vendor over years: a real folder, a real vendor and a real wallet under a clock that the test turns. */

const day = 86_400;
const start = Date.UTC(2030, 4, 17, 12) / 1000;
const origin = 'https://news.example';
/** Issuing keys that lie ready in the folder, as an interrupted rotation leaves them: making one takes a second. */
const stock = 12;

let base: string;
let count = 0;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'impuls-years-'));
  const folder = join(base, 'origin');
  await initVendorFolder(
    folder,
    {
      origin,
      name: 'Example News',
      unit: { code: 'unit', currency: 'USD', value: '0.001' },
      listen: { host: '127.0.0.1', port: 8402 },
      routes: [],
      denominations: [100],
    },
    { clock: () => start * 1000 },
  );
  const file = join(folder, 'keys.json');
  const secrets = JSON.parse(await readFile(file, 'utf8')) as { issuing: string[] };
  secrets.issuing.push(...Array.from({ length: stock }, () => generateIssuingKey().pem));
  await writeFile(file, JSON.stringify(secrets));
});
afterAll(() => rm(base, { recursive: true, force: true }));

type Change = (document: KeyDocument) => KeyDocument;

/** A vendor that lives as long as the test wants. */
class Years {
  readonly folder: string;
  seconds = start;
  /** What is shown in the place of the document. */
  shown: Change = (document) => document;
  /** Done once, before a request to that path arrives. */
  before: Readonly<Record<string, () => Promise<void>>> = {};
  readonly errors: unknown[] = [];
  readonly #ledger = createMemoryLedger();
  vendor!: Vendor;
  #answer!: (request: Request) => Promise<Response | undefined>;

  constructor(folder: string) {
    this.folder = folder;
  }

  readonly clock = (): number => this.seconds * 1000;

  async restart(): Promise<void> {
    const { document, keys, recentDocuments } = await openVendorFolder(this.folder, { clock: this.clock });
    const onError = (error: unknown): unknown => this.errors.push(error);
    const identity = { document, keys, recentDocuments };
    this.vendor = createVendor({ ...identity, ledger: this.#ledger, clock: this.clock, onError });
    const own = createFetchHandler(this.vendor);
    const read = createPaidHandler(this.vendor.gate({ price: 3 }), async () => new Response('read'));
    this.#answer = (request) => (new URL(request.url).pathname === '/read' ? read(request) : own(request));
  }

  /** As a running server does it, told or every hour. */
  async reload(): Promise<void> {
    this.vendor.replaceKeys(await openVendorFolder(this.folder, { clock: this.clock }));
  }

  async rotate(rotation: Rotation): Promise<void> {
    await rotateKeys(this.folder, rotation, { clock: this.clock });
    await this.reload();
  }

  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    const { [pathname]: work, ...rest } = this.before;
    this.before = rest;
    await work?.();
    const isDocument = pathname === '/.well-known/impuls';
    const response = isDocument
      ? new Response(canonicalJson(this.shown(this.vendor.document) as unknown as JsonValue))
      : ((await this.#answer(request)) ?? new Response(null, { status: 404 }));
    const headers = new Headers(response.headers);
    headers.set('Date', new Date(this.clock()).toUTCString());
    return new Response(response.body && (await response.arrayBuffer()), {
      status: response.status,
      headers,
    });
  };

  open(): Promise<Wallet> {
    return openWallet({
      storage: createMemoryStorage(),
      fetch: this.fetch,
      clock: this.clock,
      sleep: async (_, signal) => signal?.throwIfAborted(),
    });
  }

  async buy(wallet: Wallet): Promise<void> {
    const [code] = await this.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    await wallet.redeem(origin, code!, { protocol: 'chain' });
  }

  async pay(wallet: Wallet): Promise<Response> {
    const pay = createPayingFetch({ wallet, limits: { perRequest: 10, total: 1_000_000 } });
    return pay(`${origin}/read`);
  }
}

async function begin(): Promise<Years> {
  const folder = join(base, `life-${count++}`);
  await cp(join(base, 'origin'), folder, { recursive: true });
  const years = new Years(folder);
  await years.restart();
  return years;
}

const digestOf = (document: KeyDocument): string =>
  toBase64url(parseKeyDocument(formatKeyDocument(document)).digest);
const succeed = (document: KeyDocument, change: Partial<KeyDocument>): KeyDocument => ({
  ...document,
  ...change,
  previous: [...document.previous, digestOf(document)],
});

describe('a running vendor', () => {
  it('takes over a successor only, with the keys that what is out rests on', async () => {
    const years = await begin();
    const { document, keys } = await openVendorFolder(years.folder, { clock: years.clock });
    const next = succeed(document, { name: 'Better News' });
    const other = new Uint8Array(32);
    for (const identity of [
      { keys, document: { ...document, name: 'Better News' } },
      { keys, document: succeed(document, { endpoints: { ...document.endpoints, issue: '/issue' } }) },
      { keys: { ...keys, voucher: other }, document: next },
      { keys: { ...keys, challenge: other }, document: next },
    ]) {
      expect(() => years.vendor.replaceKeys(identity)).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }),
      );
    }
    expect(years.vendor.document.name).toBe('Example News');
    years.vendor.replaceKeys({ keys, document: next, recentDocuments: [digestOf(document)] });
    expect([years.vendor.document.name, years.vendor.digest]).toEqual(['Better News', digestOf(next)]);
  });
});

describe('a rotation in the middle of a redemption', () => {
  const issue = '/impuls/issue';

  it('leaves it valid: what was blinded under the old key is signed under it', async () => {
    const years = await begin();
    const wallet = await years.open();
    years.seconds += 300 * day;
    const old = years.vendor.document.cards[0]!.id;
    years.before = { [issue]: () => years.rotate({ kinds: ['issuing', 'activation', 'statement'] }) };
    await years.buy(wallet);
    expect(years.vendor.document.cards).toHaveLength(2);
    expect(wallet.cards()).toMatchObject([
      { expires: years.vendor.document.cards.find(({ id }) => id === old)!.expires },
    ]);
    expect((await years.pay(wallet)).status).toBe(200);
  });

  it('that revokes the key makes the wallet blind anew under the next', async () => {
    const years = await begin();
    const wallet = await years.open();
    years.seconds += 300 * day;
    await years.rotate({ kinds: ['issuing'], notBefore: years.seconds + 30 * day });
    const id = years.vendor.document.cards[0]!.id;
    years.before = {
      [issue]: async () => {
        await revokeKey(years.folder, { id, reason: 'leaked' }, { clock: years.clock });
        await years.rotate({ kinds: ['issuing'], denominations: [100] });
      },
    };
    await years.buy(wallet);
    const now = issuingKeys(years.vendor.document, years.seconds);
    expect(now).toHaveLength(1);
    expect(wallet.cards()).toMatchObject([{ expires: now[0]!.expires }]);
    expect((await years.pay(wallet)).status).toBe(200);
  });
});

describe('an activation', () => {
  const activate = '/impuls/activate';

  it('under the old activation key is good for seven days after it was replaced, and then refused clearly', async () => {
    for (const [days, isGood] of [
      [6, true],
      [8, false],
    ] as const) {
      const years = await begin();
      const wallet = await years.open();
      await years.buy(wallet);
      // The request is sealed, the document replaced, and the request arrives so many days later.
      years.before = {
        [activate]: async () => {
          await years.rotate({ kinds: ['activation'] });
          years.seconds += days * day;
          await years.reload();
        },
      };
      if (isGood) {
        expect((await years.pay(wallet)).status).toBe(200);
        continue;
      }
      await expect(years.pay(wallet)).rejects.toMatchObject({
        code: 'key-retired',
        hint: expect.stringContaining('too old. Fetch the key document again'),
      });
      // Asked again it takes the new key.
      expect((await years.pay(wallet)).status).toBe(200);
    }
  });

  it('of cards of a leaked key ends at its time, and what is active is spent on', async () => {
    const years = await begin();
    const [early, slow, late] = await Promise.all([years.open(), years.open(), years.open()]);
    for (const wallet of [early, slow, late]) await years.buy(wallet);
    await years.pay(early);
    const { id } = years.vendor.document.cards[0]!;
    const activateUntil = years.seconds + 3 * day;
    await revokeKey(years.folder, { id, reason: 'leaked', activateUntil }, { clock: years.clock });
    await years.reload();
    years.seconds = activateUntil - 1;
    expect((await years.pay(slow)).status).toBe(200);
    years.seconds = activateUntil;
    await expect(years.pay(late)).rejects.toMatchObject({
      code: 'key-retired',
      message: expect.stringMatching(/./),
    });
    years.seconds += 1000 * day;
    for (const wallet of [early, slow]) expect((await years.pay(wallet)).status).toBe(200);
    // A wallet that is restored finds its active card, too.
    const restored = await years.open();
    await restored.restore(await early.backup());
    expect(restored.cards()).toMatchObject([{ left: 94, status: 'active' }]);
  });
});

type Deed =
  | { readonly do: 'wait'; readonly days: number }
  | { readonly do: 'rotate'; readonly ahead: number }
  | { readonly do: 'replace'; readonly kind: 'activation' | 'statement' }
  | { readonly do: 'revoke'; readonly nth: number; readonly reason: 'leaked' | 'lost' }
  | { readonly do: 'sell' | 'spend' | 'restart' | 'reload' };

const deeds = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 400 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('rotate' as const), ahead: fc.constantFrom(0, 0, 40, 200) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('replace' as const),
        kind: fc.constantFrom('activation' as const, 'statement' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('revoke' as const),
        nth: fc.nat({ max: 3 }),
        reason: fc.constantFrom('leaked' as const, 'lost' as const),
      }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('sell' as const, 'spend' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'reload' as const) }) },
  ),
  { minLength: 8, maxLength: 24 },
);

/** Whether a card of that expiry can pay now: it is active, or its key lets it be activated. */
function isGood(years: Years, { status, left, expires }: ReturnType<Wallet['cards']>[number]): boolean {
  if (left < 3 || years.seconds >= expires) return false;
  if (status === 'active') return true;
  const { document } = years.vendor;
  const keys = document.cards.filter((key) => key.expires === expires);
  return keys.every(({ id }) => years.seconds < (revocationOf(document, id)?.activateUntil ?? Infinity));
}

async function act(years: Years, wallet: Wallet, deed: Deed): Promise<void> {
  const { document } = years.vendor;
  switch (deed.do) {
    case 'wait':
      years.seconds += deed.days * day;
      return;
    case 'rotate': {
      const notBefore = years.seconds + deed.ahead * day;
      const outcome = await years
        .rotate({ kinds: ['issuing'], denominations: [100], notBefore })
        .catch((e: unknown) => e);
      // A third key at a time.
      if (outcome !== undefined) expect(outcome).toMatchObject({ code: 'invalid-argument' });
      return;
    }
    case 'replace':
      return years.rotate({ kinds: [deed.kind] });
    case 'revoke': {
      const key = document.cards[deed.nth];
      if (!key || years.seconds >= key.expires || revocationOf(document, key.id)) return;
      await revokeKey(years.folder, { id: key.id, reason: deed.reason }, { clock: years.clock });
      return years.reload();
    }
    case 'sell': {
      const isSold = issuingKeys(document, years.seconds).length > 0;
      const outcome = await years.buy(wallet).then(
        () => 'sold',
        (error: unknown) => (isImpulsError(error) ? error.code : error),
      );
      expect(outcome).toBe(isSold ? 'sold' : 'key-retired');
      return;
    }
    case 'spend': {
      const before = wallet.cards();
      if (before.length === 0 || !before.every((card) => isGood(years, card) || card.status === 'expired'))
        return;
      if (before.every(({ status }) => status === 'expired')) return;
      expect((await years.pay(wallet)).status).toBe(200);
      return;
    }
    case 'restart':
      return years.restart();
    case 'reload':
      return years.reload();
  }
}

/** What a dishonest vendor might show next; undefined where there is nothing to change. */
const lies: Readonly<Record<string, (document: KeyDocument, held: string) => KeyDocument | undefined>> = {
  'another past': (document) => ({ ...document, name: 'Your Own News' }),
  'a past with a hole': (document) =>
    document.previous.length === 0
      ? undefined
      : { ...succeed(document, {}), previous: succeed(document, {}).previous.slice(1) },
  'a held key dropped': (document, held) =>
    succeed(document, {
      cards: document.cards.filter(({ id }) => id !== held),
      ...(document.revoked && { revoked: document.revoked.filter(({ id }) => id !== held) }),
    }),
  'a key altered': (document) =>
    succeed(document, {
      cards: document.cards.map((key, i) => (i === 0 ? { ...key, epoch: 'other' } : key)),
    }),
  'a card that expires earlier': (document, held) =>
    succeed(document, {
      cards: document.cards.map((key) => (key.id === held ? { ...key, expires: key.expires - 1 } : key)),
    }),
  'a revocation taken back': (document) => document.revoked && succeed(document, { revoked: [] }),
  'a statement key forgotten': (document) => {
    const { key, earlier } = document.statement;
    return earlier && succeed(document, { statement: { key, earlier: earlier.slice(1) } });
  },
};

describe('the keys of a vendor over years', () => {
  it('let the wallet take every honest document, buy, activate and spend, and refuse each dishonest one', async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(deeds, async (list) => {
        const years = await begin();
        const wallet = await years.open();
        await years.buy(wallet);
        let rotations = 0;
        for (const deed of list) {
          if (deed.do === 'rotate' && ++rotations >= stock) continue;
          await act(years, wallet, deed);
        }
        expect(years.errors).toEqual([]);

        // A wallet that was away all the time follows in one step.
        const report = await wallet.checkKeys(origin);
        expect(report.checks[0]!.outcome).toMatch(/same|older/);
        const isSold = (): boolean => issuingKeys(years.vendor.document, years.seconds).length > 0;
        // It may be refused: for a time to come enough keys are planned.
        if (!isSold()) await years.rotate({ kinds: ['issuing'], denominations: [100] }).catch(() => {});
        if (!isSold()) return;
        await years.buy(wallet);
        const { document } = years.vendor;
        const held = issuingKeys(document, years.seconds).sort((a, b) => b.notAfter - a.notAfter)[0]!.id;
        for (const lie of Object.values(lies)) {
          const shown = lie(document, held);
          if (!shown) continue;
          years.shown = () => shown;
          await expect(years.buy(wallet)).rejects.toMatchObject({ code: 'bad-document' });
          refused++;
        }
        years.shown = (honest) => honest;
        await years.buy(wallet);
      }),
      { numRuns: 25 },
    );
    expect(refused).toBeGreaterThan(40);
  });
});
