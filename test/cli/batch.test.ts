import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCodesFile, type PrintableCode } from '../../src/node/printing/codes-file.js';
import type { KeyDocument } from '../../src/core/key-document.js';
import { sealJson } from '../support/card.js';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

/** Scratch cards on the command line: made, printed, activated, redeemed, voided; beside a server and without one. */

let box: Sandbox;
beforeAll(async () => {
  box = await createSandbox();
  const args = ['--origin', box.origin, '--name', 'Example News', '--denominations', '100'];
  await box.json('vendor', 'init', 'shop', ...args);
});
afterAll(() => box.remove());

let files = 0;

interface Made {
  readonly batch: number;
  readonly file: string;
  readonly codes: readonly PrintableCode[];
}

async function make(count: number, ...more: string[]): Promise<Made> {
  const file = `codes-${++files}.csv`;
  const made = await box.json<{ batch: number }>(
    'batch',
    'create',
    'shop',
    '--count',
    String(count),
    '--out',
    file,
    ...more,
  );
  return {
    batch: made.batch,
    file,
    codes: parseCodesFile(await readFile(join(box.folder, file), 'utf8')),
  };
}

interface Listed {
  readonly number: number;
  readonly label: string;
  readonly codes: object;
  readonly serials?: unknown;
}

const show = (batch: number): Promise<Listed> => box.json<Listed>('batch', 'show', String(batch), 'shop');

async function fails(...args: string[]): Promise<{ readonly code: number | null; readonly what: string }> {
  const { code, stderr, stdout } = await box.run(args);
  expect(stdout).toBe('');
  return { code, what: twoLines(stderr).what };
}

const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

describe.each(['alone', 'beside a server'])('a batch, worked on %s', (where) => {
  let server: Server | undefined;
  beforeAll(async () => {
    if (where !== 'alone') server = await box.serve('shop');
  });
  afterAll(() => server?.stop());

  it('is printed with all that a card needs, for the eyes of its owner only', async () => {
    const { batch, file, codes } = await make(
      5,
      '--units',
      '100',
      '--label',
      'Kiosk, spring',
      '--expires',
      day(30),
    );
    expect((await stat(join(box.folder, file))).mode & 0o777).toBe(0o600);
    expect(new Set(codes.map(({ code }) => code)).size).toBe(5);
    for (const [i, code] of codes.entries()) {
      expect(code).toEqual({
        serial: i + 1,
        code: code.code,
        link: `${box.origin}/impuls/wallet/#${code.code.replaceAll('-', '')}`,
        units: 100,
        worth: '0.1 USD',
        expires: day(30),
        cards: 1,
        batch,
        vendor: 'Example News',
      });
    }
    expect(await show(batch)).toMatchObject({
      number: batch,
      label: 'Kiosk, spring',
      codes: { printed: 5, active: 0, void: 0, redeemed: 0 },
      serials: [{ from: 1, to: 5, state: 'printed' }],
    });
    const listed = await box.json<Listed[]>('batch', 'list', 'shop');
    expect(listed.map(({ number }) => number)).toContain(batch);
  });

  it('is activated and voided whole, or by serials, and never back', async () => {
    const { batch } = await make(20);
    const name = String(batch);
    const part = await box.json('batch', 'activate', name, 'shop', '--serials', '1-10,15');
    expect(part).toMatchObject({ state: 'active', changed: 11, unchanged: 0 });
    const gone = await box.json('batch', 'void', name, 'shop', '--serials', '3,12-13');
    expect(gone).toMatchObject({ state: 'void', changed: 3, unchanged: 0 });
    expect(await box.json('batch', 'activate', name, 'shop')).toMatchObject({ changed: 7, unchanged: 13 });
    expect(await show(batch)).toMatchObject({
      codes: { printed: 0, active: 17, void: 3, redeemed: 0 },
      serials: [
        { from: 1, to: 2, state: 'active' },
        { from: 3, to: 3, state: 'void' },
        { from: 4, to: 11, state: 'active' },
        { from: 12, to: 13, state: 'void' },
        { from: 14, to: 20, state: 'active' },
      ],
    });
    expect(await box.json('batch', 'void', name, 'shop', '--all')).toMatchObject({ changed: 17 });
    expect(await box.json('batch', 'activate', name, 'shop')).toMatchObject({ changed: 0, unchanged: 20 });
  });

  it('never takes the place of a file of codes, and makes no batch then', async () => {
    const { file } = await make(1);
    const before = await box.json<Listed[]>('batch', 'list', 'shop');
    const text = await readFile(join(box.folder, file), 'utf8');
    const { code, what } = await fails('batch', 'create', 'shop', '--count', '3', '--out', file);
    expect([code, what]).toEqual([2, `${file} is there already`]);
    expect(await readFile(join(box.folder, file), 'utf8')).toBe(text);
    expect(await box.json('batch', 'list', 'shop')).toEqual(before);
  });

  it('is refused for what does not make sense, with the next move', async () => {
    const { batch } = await make(2);
    const name = String(batch);
    for (const args of [
      ['create', 'shop'],
      ['create', 'shop', '--count', '0'],
      ['create', 'shop', '--count', '1', '--units', '7'],
      ['create', 'shop', '--count', '1', '--cards', '65'],
      ['create', 'shop', '--count', '1', '--expires', day(-1)],
      ['create', 'shop', '--count', '1', '--expires', '2027-02-30'],
      ['create', 'shop', '--count', '1', '--label', 'x'.repeat(101)],
      ['show', '999', 'shop'],
      ['activate', name, 'shop', '--serials', '2-3'],
      ['activate', name, 'shop', '--serials', '2-1'],
      ['activate', name, 'shop', '--serials', 'all'],
      ['void', name, 'shop'],
      ['void', name, 'shop', '--all', '--serials', '1'],
    ]) {
      expect([args, (await fails('batch', ...args)).code]).toEqual([args, 2]);
    }
    await expect(stat(join(box.folder, 'codes.csv'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await show(batch)).codes).toEqual({ printed: 2, active: 0, void: 0, redeemed: 0 });
  });
});

describe('a scratch card', () => {
  it('is worth nothing until it is activated, is redeemed once, and wrong ones show on the gauge', async () => {
    const server = await box.serve('shop');
    const { batch, codes } = await make(3);
    const name = String(batch);
    const [sold, lost, unsold] = codes as [PrintableCode, PrintableCode, PrintableCode];
    const redeem = (link: string) => box.run(['redeem', link]);
    const wrong = twoLines((await redeem(sold.link)).stderr);
    await box.json('batch', 'activate', name, 'shop', '--serials', '1-2');
    await box.json('batch', 'void', name, 'shop', '--serials', '2');
    expect((await redeem(sold.link)).code).toBe(0);
    for (const { link } of [lost, unsold]) {
      const { code, stderr } = await redeem(link);
      expect([code, twoLines(stderr)]).toEqual([1, wrong]);
    }
    expect((await show(batch)).codes).toEqual({ printed: 1, active: 0, void: 1, redeemed: 1 });
    expect(await box.json('batch', 'void', name, 'shop', '--all')).toMatchObject({
      changed: 1,
      unchanged: 2,
    });
    const status = await box.json('vendor', 'status', 'shop');
    expect(status).toMatchObject({
      running: true,
      ordersServed: 1,
      failures: { limit: 1000, blockedSources: 0, failed: 3, refused: 0 },
    });
    await server.stop();
    expect(await box.json('vendor', 'status', 'shop')).toMatchObject({ running: false, ordersServed: 1 });
    expect(await readFile(join(box.folder, 'shop', 'ledger.db'), 'latin1')).not.toContain(
      sold.code.replaceAll('-', ''),
    );
  });

  it('is guessed at by one caller behind a proxy, and the others are heard all the same', async () => {
    const server = await box.serve('shop', '--client-header', 'X-Forwarded-For');
    const document = (await (await fetch(`${box.origin}/.well-known/impuls`)).json()) as KeyDocument;
    const body = JSON.stringify(await sealJson(document, 'order', { order: 'K7Q2M-00000-00000-00000' }));
    const guess = async (caller: string): Promise<number> => {
      const headers = { 'x-forwarded-for': `198.51.100.1, ${caller}` };
      return (await fetch(`${box.origin}/impuls/order`, { method: 'POST', body, headers })).status;
    };
    const statuses = await Promise.all(Array.from({ length: 30 }, () => guess('192.0.2.7')));
    expect(statuses.filter((status) => status === 403)).toHaveLength(10);
    expect(await guess('192.0.2.7')).toBe(429);
    expect(await guess('192.0.2.8')).toBe(403);
    const { failures } = await box.json<{ failures: object }>('vendor', 'status', 'shop');
    expect(failures).toMatchObject({ blockedSources: 1, failed: 11, refused: 21 });
    await server.stop();
    expect((await fails('vendor', 'serve', 'shop', '--client-header', 'no header')).code).toBe(2);
  });

  it('is printed to a PDF for its owner only, all of a batch or some serials', async () => {
    const { file } = await make(12);
    const made = await box.json('batch', 'print', file, '-o', 'sheet.pdf');
    expect(made).toEqual({ file: 'sheet.pdf', paper: 'a4', cards: 12, sheets: 2 });
    expect((await stat(join(box.folder, 'sheet.pdf'))).mode & 0o777).toBe(0o600);
    expect((await readFile(join(box.folder, 'sheet.pdf'), 'latin1')).startsWith('%PDF-')).toBe(true);
    const some = ['--serials', '1-5,9', '--paper', 'letter', '-o', 'some.pdf'];
    expect(await box.json('batch', 'print', file, ...some)).toMatchObject({ cards: 6, sheets: 1 });
    for (const args of [
      [file],
      [file, '-o', 'sheet.pdf'],
      [file, '-o', 'other.pdf', '--paper', 'a5'],
      [file, '-o', 'other.pdf', '--serials', '13'],
      [file, '-o', 'other.pdf', '--font', 'none.ttf'],
      ['none.csv', '-o', 'other.pdf'],
    ]) {
      expect([args, (await fails('batch', 'print', ...args)).code]).toEqual([args, 2]);
    }
    expect((await fails('batch', 'print', 'shop/vendor.json', '-o', 'other.pdf')).code).toBe(1);
    await expect(stat(join(box.folder, 'other.pdf'))).rejects.toMatchObject({ code: 'ENOENT' });
    await rm(join(box.folder, 'sheet.pdf'));
  });
});
