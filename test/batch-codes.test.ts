import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatVoucherCode, fromBase64url, toBase64url } from '../src/core/index.js';
import { openSqliteLedger } from '../src/node/sqlite.js';
import {
  createMemoryLedger,
  createVendor,
  type Call,
  type Ledger,
  type Reply,
  type Vendor,
} from '../src/server/index.js';
import { buyCard, sealJson } from './support/card.js';
import { createTestKeys, now } from './support/vendor.js';

/** The codes of a batch, redeemed: what a stranger learns of those that are worth nothing, and what it costs the vendor. */

const origin = 'https://news.example';
const folder = mkdtempSync(join(tmpdir(), 'impuls-batch-codes-'));
afterAll(() => rmSync(folder, { recursive: true }));

let made: Awaited<ReturnType<typeof createTestKeys>>;
beforeAll(async () => {
  made = await createTestKeys(origin, [100]);
});

/** A vendor that writes down every call of its ledger and every signature. */
interface Observed {
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  readonly work: string[];
  /** Unix seconds. */
  readonly time: { now: number };
  readonly post: (path: string, body: unknown) => Promise<Response>;
}

function observe(inner: Ledger, failureBudget = {}): Observed {
  const work: string[] = [];
  const ledger = new Proxy(inner, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        work.push(String(name));
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
  const issuing = made.keys.issuing.map((signer) => ({
    id: signer.id,
    blindSign: (blinded: Uint8Array) => {
      work.push('blindSign');
      return signer.blindSign(blinded);
    },
  }));
  const time = { now };
  const observed: Observed = {
    vendor: createVendor({
      document: made.document,
      keys: { ...made.keys, issuing },
      ledger,
      clock: () => time.now * 1000,
      failureBudget,
    }),
    ledger: inner,
    work,
    time,
    post: async (path, body) => {
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const call: Call = { method: 'POST', target: path, header: () => undefined, body: async () => bytes };
      const { status, headers, body: reply } = (await observed.vendor.answer(call)) as Reply;
      return new Response(reply as string, {
        status,
        headers: headers.map(([name, value]) => [name, value] as [string, string]),
      });
    },
  };
  return observed;
}

const terms = {
  label: 'Kiosk',
  items: [{ denomination: 100, count: 1 }],
  created: now,
  expires: now + 86_400,
};

async function print(vendor: Vendor, count: number, more = {}): Promise<{ batch: number; codes: string[] }> {
  let batch = 0;
  const codes: string[] = [];
  for await (const share of vendor.printBatch({ ...terms, ...more }, count)) {
    batch = share.batch;
    expect(share.first).toBe(codes.length + 1);
    codes.push(...share.codes);
  }
  return { batch, codes };
}

const item = () => ({
  blinded: toBase64url(randomBytes(384).fill(1, 0, 1)),
  key: made.document.cards[0]!.id,
});

async function issueRequest(order: string, items = [item()]): Promise<object> {
  return sealJson(made.document, 'issue', { order, items });
}

const ledgers: Array<[string, () => Promise<Ledger>]> = [
  ['memory', async () => createMemoryLedger()],
  ['SQLite', () => openSqliteLedger({ path: join(folder, `${toBase64url(randomBytes(6))}.db`) })],
];

describe.each(ledgers)('with a ledger in %s', (_, open) => {
  it('codes that are unknown, mistyped, printed only, void or expired get one answer, after the same work', async () => {
    const observed = observe(await open());
    const { vendor, ledger, work } = observed;
    const { batch, codes } = await print(vendor, 4);
    await ledger.changeCodes(batch, 2, 3, 'active', now);
    await ledger.changeCodes(batch, 3, 4, 'void', now);
    const late = await print(vendor, 1, { expires: now });
    await ledger.changeCodes(late.batch, 1, 1, 'active', now);
    const [printed, active, revoked, voided] = codes as [string, string, string, string];
    const worthless = {
      unknown: 'K7Q2M8ZJ4D5R1TNW3XAB',
      wellFormed: (await print(observe(createMemoryLedger()).vendor, 1)).codes[0]!,
      empty: '',
      noCode: 'x'.repeat(128),
      printed,
      revoked,
      voided,
      expired: late.codes[0]!,
    };
    const seen = new Map<string, string[]>();
    for (const [name, code] of Object.entries(worthless)) {
      for (const [path, request] of [
        ['/impuls/order', await sealJson(made.document, 'order', { order: code })],
        ['/impuls/issue', await issueRequest(code)],
      ] as const) {
        work.length = 0;
        const before = vendor.failures;
        const response = await observed.post(path, request);
        const { failed, refused } = vendor.failures;
        const told = {
          path,
          status: response.status,
          headers: [...response.headers],
          body: await response.text(),
          work: work.join(),
          counted: [failed - before.failed, refused - before.refused],
        };
        const key = JSON.stringify(told);
        seen.set(key, [...(seen.get(key) ?? []), name]);
        // So that no source is stopped on the way.
        observed.time.now += 60;
      }
    }
    // The clock has passed no end of the batch.
    expect(observed.time.now).toBeLessThan(terms.expires);
    const names = Object.keys(worthless);
    expect([...seen.values()]).toEqual([names, names]);
    const [order, issue] = [...seen.keys()].map((key) => JSON.parse(key) as { work: string; body: string });
    expect(order!.work).toBe('readOrder');
    expect(issue!.work).toBe('readOrder,blindSign');
    expect(JSON.parse(issue!.body)).toMatchObject({ type: 'urn:impuls:problem:order-unknown', status: 403 });

    const good = await observed.post('/impuls/issue', await issueRequest(active));
    expect(good.status).toBe(200);
    await ledger.close();
  });

  it('a code is redeemed once; the redeemer whose reply was lost gets the same for ever, nobody else anything', async () => {
    const observed = observe(await open());
    const { vendor, ledger } = observed;
    const { batch, codes } = await print(vendor, 2);
    await ledger.changeCodes(batch, 1, 2, 'active', now);
    const request = await issueRequest(codes[0]!);
    const first = await (await observed.post('/impuls/issue', request)).text();
    expect(await (await observed.post('/impuls/issue', request)).text()).toBe(first);

    expect(await ledger.changeCodes(batch, 1, 2, 'void', now)).toBe(1);
    observed.time.now = terms.expires + 1;
    expect(await (await observed.post('/impuls/issue', request)).text()).toBe(first);
    const order = await sealJson(made.document, 'order', { order: codes[0] });
    expect(await (await observed.post('/impuls/order', order)).json()).toMatchObject({ served: true });
    const thief = await observed.post('/impuls/issue', await issueRequest(codes[0]!));
    expect(await thief.json()).toMatchObject({ type: 'urn:impuls:problem:order-served' });
    expect((await ledger.readBatches())[0]?.codes).toEqual({ printed: 0, active: 0, void: 1, redeemed: 1 });
    expect(vendor.failures.failed).toBe(0);
    await ledger.close();
  });

  it('a code gives a card that its vendor takes, from the activation of the batch until its last second', async () => {
    const observed = observe(await open());
    const { vendor, ledger } = observed;
    const { batch, codes } = await print(vendor, 3);
    const buy = (code: string) => buyCard(observed.post, made.document, code, { protocol: 'chain' }, 100);
    await expect(buy(codes[0]!)).rejects.toThrow();
    await ledger.changeCodes(batch, 1, 3, 'active', now);
    expect((await buy(formatVoucherCode(codes[0]!).toLowerCase())).signature).toHaveLength(384);
    observed.time.now = terms.expires - 1;
    expect((await buy(codes[1]!)).signature).toHaveLength(384);
    observed.time.now = terms.expires;
    await expect(buy(codes[2]!)).rejects.toThrow();
    await ledger.close();
  });

  it('guessing at once is stopped where guessing one by one is, and shows on the gauge', async () => {
    const observed = observe(await open(), { perSource: 5 });
    const { vendor, ledger, work } = observed;
    const request = await issueRequest('K7Q2M8ZJ4D5R1TNW3XAB');
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => observed.post('/impuls/issue', request)),
    );
    const count = (status: number): number => answers.filter((answer) => answer.status === status).length;
    expect([count(403), count(429)]).toEqual([5, 45]);
    expect(work.filter((one) => one === 'blindSign')).toHaveLength(5);
    expect(vendor.failures).toEqual({ level: 5, limit: 1000, blockedSources: 1, failed: 5, refused: 45 });
    await ledger.close();
  });
});

it('a ledger has no code, neither of a batch nor of a voucher', async () => {
  const ledger = createMemoryLedger();
  const ids: string[] = [];
  const { vendor } = observe({
    ...ledger,
    addCodes: (batch, first, orders) => {
      ids.push(...orders);
      return ledger.addCodes(batch, first, orders);
    },
  });
  const { codes } = await print(vendor, 3);
  expect(ids.map((id) => fromBase64url(id).length)).toEqual([32, 32, 32]);
  for (const code of codes) expect(ids.join()).not.toContain(code);
});
