import { describe, expect, it } from 'vitest';
import { deriveVoucherCode, parseVoucherCode } from '../../core/voucher-code.js';
import { createMemoryLedger } from '../ledger-memory.js';
import { createSales, type SaleName } from './sales.js';

const secret = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const items = [{ denomination: 100, count: 2 }];
const name: SaleName = { channel: 'shop', reference: 'order-1' };

function open(secrets = [secret(1)], ledger = createMemoryLedger()) {
  const sales = createSales({
    origin: 'https://news.example',
    ledger,
    keys: { voucher: secret(9) },
    secrets,
    clock: () => 1_800_000_000_000,
  });
  return { sales, ledger };
}

describe('a derived code', () => {
  it('is the same for the same bytes, for ever', () => {
    const seed = Uint8Array.from({ length: 21 }, (_, i) => i * 11);
    expect(deriveVoucherCode(seed)).toBe('NCQ2DR3ES4FT5GV6HW2F');
    expect(parseVoucherCode(deriveVoucherCode(seed))).toBe(deriveVoucherCode(seed));
    for (const length of [0, 20, 22]) {
      expect(() => deriveVoucherCode(new Uint8Array(length))).toThrow('21 bytes');
    }
  });

  it('begins with any letter of the alphabet', () => {
    const first = new Set<string>();
    for (let value = 0; value < 22; value++) {
      const seed = new Uint8Array(21);
      seed[3] = value;
      first.add(deriveVoucherCode(seed)[0]!);
    }
    expect([...first].join('')).toBe('ABCDEFGHJKMNPQRSTVWXYZ');
  });
});

describe('sales', () => {
  it('make one order of a sale, however often and by however many it is told', async () => {
    const { sales, ledger } = open();
    const told = await Promise.all(Array.from({ length: 20 }, () => sales.sell(name, items)));
    expect(new Set(told.map(({ code }) => code)).size).toBe(1);
    expect(told[0]).toMatchObject({ items, state: 'active', code: 'S8GBATYQ2B753XJXG422' });
    expect((await ledger.totals()).orders).toBe(1);
  });

  it('give each name, of each channel, a code of its own', async () => {
    const { sales } = open();
    const names: SaleName[] = [
      name,
      { channel: 'stripe', reference: 'order-1' },
      { channel: 'shop', reference: 'order-10' },
      { channel: 'shop', reference: 'Order-1' },
    ];
    const codes = await Promise.all(names.map(async (one) => (await sales.sell(one, items)).code));
    expect(new Set(codes).size).toBe(names.length);
    for (const code of codes) expect(parseVoucherCode(code)).toBe(code);
  });

  it('refuse a name that was told before with other cards', async () => {
    const { sales } = open();
    await sales.sell(name, items);
    await expect(sales.sell(name, [{ denomination: 100, count: 1 }])).rejects.toMatchObject({
      code: 'order-mismatch',
    });
    const same = [
      { denomination: 100, count: 1 },
      { denomination: 100, count: 1 },
    ];
    expect((await sales.sell(name, same)).items).toEqual(items);
  });

  it('know what was sold under an older secret, and derive from the newest', async () => {
    const { sales, ledger } = open([secret(1)]);
    const old = await sales.sell(name, items);
    const later = open([secret(2), secret(1)], ledger).sales;
    expect(await later.sell(name, items)).toEqual(old);
    const next = { channel: 'shop', reference: 'order-2' } as const;
    const fresh = await later.sell(next, items);
    expect(await open([secret(1)], ledger).sales.read(next)).toBeUndefined();
    expect(await open([secret(2)], ledger).sales.read(next)).toEqual(fresh);
  });

  it('are held, freed, and void for good', async () => {
    const { sales } = open();
    expect(await sales.change(name, 'held')).toBeUndefined();
    await sales.sell(name, items);
    const states: unknown[] = [];
    for (const state of ['held', 'held', 'free', 'void', 'free'] as const) {
      states.push((await sales.change(name, state))?.state);
    }
    expect(states).toEqual(['held', 'held', 'active', 'void', 'void']);
    expect((await sales.sell(name, items)).state).toBe('void');
  });

  it('refuse secrets and names of no length', async () => {
    expect(() => open([])).toThrow('one secret of 32 bytes');
    expect(() => open([new Uint8Array(31)])).toThrow('one secret of 32 bytes');
    for (const reference of ['', 'x'.repeat(256)]) {
      await expect(open().sales.read({ channel: 'shop', reference })).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    }
  });

  it('run work on them one after the other, and go on after a failure', async () => {
    const { sales } = open();
    const steps: string[] = [];
    const work = (step: string) => async (): Promise<void> => {
      steps.push(`${step} begins`);
      await Promise.resolve();
      steps.push(`${step} ends`);
      if (step === 'a') throw new Error('a fails');
    };
    const both = await Promise.allSettled([sales.inTurn(work('a')), sales.inTurn(work('b'))]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });
});
