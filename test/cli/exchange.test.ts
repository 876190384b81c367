import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CardSummary, ExchangePlan, Refund } from '../../src/client/index.js';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

let box: Sandbox;
let server: Server;
beforeAll(async () => {
  box = await createSandbox();
  const init = ['vendor', 'init', 'shop', '--origin', box.origin, '--denominations', '20,50'];
  await box.json(...init, '--refunds', 'reference');
  server = await box.serve('shop');
  const { codes } = await box.json<{ codes: string[] }>(
    'voucher',
    'create',
    'shop',
    '--units',
    '50',
    '--count',
    '2',
  );
  for (const code of codes) await box.json('redeem', box.origin, code);
  for (let i = 0; i < 3; i++) await box.run(['fetch', `${box.origin}/articles/hello.txt`, '--max', '1']);
});
afterAll(async () => {
  await server.stop();
  await box.remove();
});

const cardsOf = (): Promise<CardSummary[]> => box.json<CardSummary[]>('cards');

describe('cards that go back to their vendor', () => {
  it('are exchanged as planned, and the rest stays where it is', async () => {
    const plan = await box.json<ExchangePlan>('exchange', box.origin, '--dry-run');
    expect(plan).toMatchObject({ vendor: box.origin, units: 40, worth: '0.04 USD', into: [20, 20] });
    expect(plan.takes).toMatchObject([{ units: 40, left: 7 }]);
    expect(plan.links.length).toBeGreaterThan(1);
    expect(await cardsOf()).toHaveLength(2);

    const cards = await box.json<CardSummary[]>('exchange', box.origin, '--wait', '0');
    expect(cards.map(({ units, status }) => [units, status])).toEqual([
      [20, 'ready'],
      [20, 'ready'],
    ]);
    const all = await cardsOf();
    expect(all.map(({ left }) => left).sort((a, b) => a - b)).toEqual([7, 20, 20, 50]);

    const { id } = all.find(({ left }) => left === 50)!;
    const chosen = ['--card', id.slice(0, 6), '--into', '20,20', '--protocol', 'stream', '--wait', '1'];
    const more = await box.json<CardSummary[]>('exchange', box.origin, ...chosen);
    expect(more.map(({ units, protocol }) => [units, protocol])).toEqual([
      [20, 'stream'],
      [20, 'stream'],
    ]);
  });

  it('say what cannot be, and what to do then', async () => {
    const strange = await box.run(['exchange', box.origin, '--card', 'zzz']);
    expect(strange.code).toBe(1);
    expect(twoLines(strange.stderr).what).toContain('0 cards');
    const wished = await box.run(['exchange', box.origin, '--into', '30', '--wait', '0']);
    expect(twoLines(wished.stderr)).toMatchObject({ next: expect.stringContaining('20, 50') as string });
    const nothing = await box.run(['refund', 'https://other.example', '--list']);
    expect(JSON.parse(nothing.stdout)).toEqual([]);
    expect((await box.run(['refund'])).code).toBe(2);
    expect((await box.run(['refund', 'news'])).code).toBe(2);
  });

  it('are refunded to a reference, which the vendor pays out once, beside its server and without it', async () => {
    const refund = await box.json<Refund>('refund', box.origin);
    expect(refund).toMatchObject({ units: 97, worth: '0.097 USD', isComplete: true });
    expect(await box.json<Refund[]>('refund', '--list')).toEqual([refund]);
    expect((await cardsOf()).every(({ left }) => left === 0)).toBe(true);

    const due = await box.json<object[]>('vendor', 'refunds', 'shop');
    expect(due).toMatchObject([{ units: 97 }]);
    expect(JSON.stringify(due)).not.toContain(refund.reference.replaceAll('-', ''));
    const look = await box.json('vendor', 'pay-refund', refund.reference, 'shop', '--dry-run');
    expect(look).toMatchObject({ units: 97, paid: false });
    await server.stop();
    const paid = await box.run(['vendor', 'pay-refund', '-', 'shop', '--json'], {
      input: `${refund.reference}\n`,
    });
    expect(JSON.parse(paid.stdout)).toMatchObject({ worth: '0.097 USD', paid: true });
    server = await box.serve('shop');
    const again = await box.run(['vendor', 'pay-refund', refund.reference, 'shop']);
    expect(again.code).toBe(1);
    expect(twoLines(again.stderr).next).toContain('Pay nothing');
    expect(await box.json('vendor', 'refunds', 'shop')).toEqual([]);
    expect(await box.json<object[]>('vendor', 'refunds', 'shop', '--all')).toHaveLength(1);
    const { codes } = await box.json<{ codes: string[] }>('voucher', 'create', 'shop', '--units', '50');
    expect((await box.run(['vendor', 'pay-refund', codes[0]!, 'shop'])).code).toBe(1);

    expect((await box.run(['refund', '--forget', refund.reference])).code).toBe(0);
    expect(await box.json<Refund[]>('refund', '--list')).toEqual([]);
  });
});
