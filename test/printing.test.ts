import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import qrReader from 'jsqr';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomBytes } from 'node:crypto';
import { createVoucherCode, formatVoucherCode } from '../src/core/index.js';
import type { PrintableCode } from '../src/node/printing/codes-file.js';
import { loadPrinting, papers, writeSheets, type PaperName } from '../src/node/printing/sheet.js';

/** The pages as a printer gets them: rendered by poppler, and the QR codes read by a decoder that did not make them. */

const run = promisify(execFile);
const { default: jsqr } = qrReader;
const dotsPerInch = 150;
const dots = (millimetres: number): number => Math.round((millimetres / 25.4) * dotsPerInch);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-printing-'));
});
afterAll(() => rm(folder, { recursive: true }));

const origins = ['https://news.example', 'https://a-rather-long-name.of-a-vendor.example:8443'];

function makeCards(count: number, more: Partial<PrintableCode> = {}): PrintableCode[] {
  return Array.from({ length: count }, (_, i) => {
    const code = createVoucherCode((length) => randomBytes(length));
    return {
      serial: i + 1,
      code: formatVoucherCode(code),
      link: `${origins[i % origins.length]}/impuls/wallet/#${code}`,
      units: 1000,
      worth: '1 USD',
      expires: '2027-12-31',
      cards: 1,
      batch: 3,
      vendor: 'Example News',
      ...more,
    };
  });
}

async function print(
  cards: readonly PrintableCode[],
  paper: PaperName,
  font?: Uint8Array,
): Promise<{ pages: PNG[]; text: string }> {
  const name = `${paper}-${randomBytes(4).toString('hex')}`;
  const path = join(folder, `${name}.pdf`);
  await writeSheets(await loadPrinting(), path, cards, { paper, font });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await run('pdftoppm', ['-r', String(dotsPerInch), '-png', path, join(folder, name)]);
  const images = (await readdir(folder)).filter((file) => file.startsWith(`${name}-`)).sort();
  const pages = await Promise.all(
    images.map(async (file) => PNG.sync.read(await readFile(join(folder, file)))),
  );
  const { stdout } = await run('pdftotext', ['-layout', path, '-']);
  return { pages, text: stdout };
}

/** A part of a page, lengths in millimetres. */
function cut(page: PNG, x: number, y: number, width: number, height: number): PNG {
  const part = new PNG({ width: dots(width), height: dots(height) });
  PNG.bitblt(page, part, dots(x), dots(y), part.width, part.height, 0, 0);
  return part;
}

const isDark = (page: PNG, x: number, y: number): boolean => page.data[4 * (y * page.width + x)]! < 200;

function countDark(page: PNG): number {
  let count = 0;
  for (let y = 0; y < page.height; y++) {
    for (let x = 0; x < page.width; x++) if (isDark(page, x, y)) count++;
  }
  return count;
}

/** The cards of a page, row by row. */
function cardsOf(page: PNG, paper: PaperName): PNG[] {
  const { width, height, card } = papers[paper];
  const [left, top] = [(width - 2 * card.width) / 2, (height - 5 * card.height) / 2];
  return Array.from({ length: 10 }, (_, i) =>
    cut(
      page,
      left + (i % 2) * card.width,
      top + Math.floor(i / 2) * card.height,
      card.width - 0.2,
      card.height - 0.2,
    ),
  );
}

describe.each(['a4', 'letter'] as const)('sheets on %s', (paper) => {
  it('have ten cards each, whose QR codes are the links, in the order of the serials', async () => {
    const cards = makeCards(13);
    const { pages, text } = await print(cards, paper);
    expect(pages).toHaveLength(2);
    for (const page of pages) {
      const { width, height } = papers[paper];
      expect(Math.abs(page.width - dots(width))).toBeLessThanOrEqual(1);
      expect(Math.abs(page.height - dots(height))).toBeLessThanOrEqual(1);
    }
    const faces = pages.flatMap((page) => cardsOf(page, paper));
    const read = faces.map((face) => jsqr(new Uint8ClampedArray(face.data), face.width, face.height)?.data);
    expect(read).toEqual([...cards.map(({ link }) => link), ...Array<undefined>(7).fill(undefined)]);
    for (const face of faces.slice(cards.length)) expect(countDark(face)).toBe(0);
    for (const { code, serial, link } of cards) {
      expect(text).toContain(code);
      expect(text).toContain(`No. 3-${serial} `);
      expect(text).toContain(new URL(link).host);
    }
    expect(text.match(/1,000 units/g)).toHaveLength(13);
    expect(text.match(/worth 1 USD/g)).toHaveLength(13);
    expect(text.match(/valid until 2027-12-31/g)).toHaveLength(13);
    expect(text.match(/Example News/g)).toHaveLength(13);
  });

  it('have cut marks at each edge of the cards, beyond them and nowhere on them', async () => {
    const { pages } = await print(makeCards(1), paper);
    const { width, height, card } = papers[paper];
    const [left, top] = [(width - 2 * card.width) / 2, (height - 5 * card.height) / 2];
    const page = pages[0]!;
    const near = (x: number, y: number): boolean => countDark(cut(page, x - 0.5, y - 0.5, 1, 1)) > 0;
    for (let column = 0; column <= 2; column++) {
      for (const y of [top - 4.5, height - top + 4.5]) {
        expect(near(left + column * card.width, y)).toBe(true);
        expect(near(left + column * card.width + 2, y)).toBe(false);
      }
    }
    for (let row = 0; row <= 5; row++) {
      for (const x of [left - 4.5, width - left + 4.5]) {
        expect(near(x, top + row * card.height)).toBe(true);
        expect(near(x, top + row * card.height + 2)).toBe(false);
      }
    }
    // No line runs over the cards: what lies between two of them is white.
    for (let row = 1; row < 5; row++) {
      expect(countDark(cut(page, left, top + row * card.height - 1, 2 * card.width, 2))).toBe(0);
    }
  });

  it('keep a name, an amount and an address that are too long within the card, clear of the QR code', async () => {
    const cards = makeCards(2, {
      vendor: 'The Society of Friends of the Municipal Observatory and Its Very Long Name '.repeat(2).trim(),
      units: 1_048_576,
      cards: 64,
      worth: '67108.864 USD',
    });
    const { pages, text } = await print(cards, paper);
    const faces = cardsOf(pages[0]!, paper);
    for (const [i, face] of faces.slice(0, 2).entries()) {
      expect(jsqr(new Uint8ClampedArray(face.data), face.width, face.height)?.data).toBe(cards[i]!.link);
      const edge = dots(4);
      const inner = new PNG({ width: face.width - 2 * edge, height: face.height - 2 * edge });
      PNG.bitblt(face, inner, edge, edge, inner.width, inner.height, 0, 0);
      expect(countDark(face)).toBe(countDark(inner));
    }
    expect(text).toContain('64 × 1,048,576 units');
    expect(text).toContain('…');
  });
});

describe('the fonts of a sheet', () => {
  const cards = makeCards(1, { vendor: 'Gazeta Łódzka' });

  it('refuse a name whose letters they do not have, and say what helps', async () => {
    const path = join(folder, 'letters.pdf');
    await expect(writeSheets(await loadPrinting(), path, cards, { paper: 'a4' })).rejects.toMatchObject({
      code: 'unsupported',
      hint: expect.stringContaining('--font'),
    });
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuse what is no font', async () => {
    const path = join(folder, 'font.pdf');
    const font = new Uint8Array(100);
    await expect(writeSheets(await loadPrinting(), path, cards, { paper: 'a4', font })).rejects.toMatchObject(
      {
        code: 'invalid-argument',
      },
    );
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('printing', () => {
  it('never takes the place of a file', async () => {
    const path = join(folder, 'there.pdf');
    const printing = await loadPrinting();
    await writeSheets(printing, path, makeCards(1), { paper: 'a4' });
    const before = await readFile(path);
    await expect(writeSheets(printing, path, makeCards(1), { paper: 'a4' })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  it('names the command that installs what it needs', async () => {
    const missing = async (name: string): Promise<unknown> => {
      if (name === 'pdfkit') throw new Error('Cannot find package');
      return { default: {} };
    };
    await expect(loadPrinting(missing)).rejects.toMatchObject({
      code: 'unsupported',
      hint: 'Run: npm install pdfkit qrcode',
    });
  });
});
