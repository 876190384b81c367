import fc from 'fast-check';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isImpulsError } from '../../core/errors.js';
import { createVoucherCode, formatVoucherCode } from '../../core/voucher-code.js';
import { createCodesFile, parseCodesFile, type PrintableCode } from './codes-file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-codes-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;

const number = fc.integer({ min: 1, max: 0xffff_ffff });
const rows: fc.Arbitrary<PrintableCode> = fc
  .record({
    serial: number,
    units: number,
    cards: number,
    batch: number,
    worth: fc.string({ unit: 'grapheme' }),
    vendor: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('"a", b', 'a\r\nb', ',', '""')),
    day: fc.integer({ min: 10, max: 28 }),
    bytes: fc.uint8Array({ minLength: 18, maxLength: 18 }),
  })
  .map(({ day, bytes, ...rest }) => {
    // The first draw is a letter at once.
    const code = createVoucherCode((length) => bytes.slice(0, length).fill(12, 0, length === 1 ? 1 : 0));
    const link = `https://news.example/impuls/wallet/#${code}`;
    return { ...rest, code: formatVoucherCode(code), link, expires: `2027-12-${day}` };
  });

async function write(shares: readonly PrintableCode[][]): Promise<string> {
  const path = join(folder, `${++files}.csv`);
  const file = await createCodesFile(path);
  for (const share of shares) await file.append(share);
  await file.finish();
  return readFile(path, 'utf8');
}

describe('a file of codes', () => {
  it('is read back as it was written, whatever the names are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(rows, { maxLength: 3 }), { maxLength: 3 }), async (shares) => {
        const text = await write(shares);
        expect(parseCodesFile(text)).toEqual(shares.flat());
        expect(parseCodesFile(`\ufeff${text}`)).toEqual(shares.flat());
      }),
      { numRuns: 50 },
    );
  });

  it('is for its owner only, and never takes the place of another', async () => {
    const path = join(folder, 'own.csv');
    await (await createCodesFile(path)).finish();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await expect(createCodesFile(path)).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(createCodesFile(join(folder, 'none', 'a.csv'))).rejects.toMatchObject({
      hint: expect.stringContaining('folder'),
    });
  });

  it('leaves nothing when it is discarded', async () => {
    const before = await readdir(folder);
    const file = await createCodesFile(join(folder, 'gone.csv'));
    await file.append(fc.sample(rows, 2));
    await file.discard();
    expect(await readdir(folder)).toEqual(before);
  });

  it('may have other columns among its own, in any order, and lines that end in LF', () => {
    const text =
      'note,vendor,batch,cards,expires,worth,units,link,code,serial\n' +
      'x,"News, daily",3,1,2027-12-31,1 USD,1000,https://news.example/impuls/wallet/#XB00504XR2D9T8EMM1Q5,xb005 04xr2 d9t8e mm1q5,7';
    const row = {
      serial: 7,
      code: 'XB005-04XR2-D9T8E-MM1Q5',
      link: 'https://news.example/impuls/wallet/#XB00504XR2D9T8EMM1Q5',
      units: 1000,
      worth: '1 USD',
      expires: '2027-12-31',
      cards: 1,
      batch: 3,
      vendor: 'News, daily',
    };
    expect(parseCodesFile(text)).toEqual([row]);
    expect(parseCodesFile(`${text}\n\n`)).toEqual([row]);
  });

  it('is refused for a code that is mistyped or not that of its link, and for what is missing', () => {
    const head = 'serial,code,link,units,worth,expires,cards,batch,vendor\n';
    const line = (changes: object): string => {
      const cells = {
        serial: '1',
        code: 'XB005-04XR2-D9T8E-MM1Q5',
        link: 'https://news.example/impuls/wallet/#XB00504XR2D9T8EMM1Q5',
        units: '1000',
        worth: '1 USD',
        expires: '2027-12-31',
        cards: '1',
        batch: '1',
        vendor: 'News',
        ...changes,
      };
      return head + Object.values(cells).join(',');
    };
    expect(parseCodesFile(line({}))).toHaveLength(1);
    for (const changes of [
      { code: 'XB005-04XR2-D9T8E-MM1Q6' },
      { link: 'https://news.example/impuls/wallet/#JHCVGX6TNV6V5ARH30RY' },
      { link: 'XB00504XR2D9T8EMM1Q5' },
      { serial: '0' },
      { units: '1e3' },
      { expires: 'tomorrow' },
      { vendor: '"open' },
    ]) {
      expect(() => parseCodesFile(line(changes))).toThrow(expect.objectContaining({ code: 'malformed' }));
    }
    expect(() => parseCodesFile('')).toThrow(/no column "serial"/);
  });

  it('raises only malformed for any text', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (text, headed) => {
        try {
          parseCodesFile(headed ? `serial,code,link,units,worth,expires,cards,batch,vendor\n${text}` : text);
        } catch (error) {
          expect(isImpulsError(error, 'malformed')).toBe(true);
        }
      }),
    );
  });
});
