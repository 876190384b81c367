import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addPart, joinParts, readPart, splitBackup, type Collected } from './qr-parts.js';

describe('a backup in QR codes', () => {
  it('comes back whole from its codes in any order, some of them seen twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, maxLength: 5000 }), fc.nat(), async (text, seed) => {
        const codes = await splitBackup(text);
        const order = [...codes, codes[seed % codes.length]!].sort(
          (a, b) => a.length - b.length || (a < b ? 1 : -1),
        );
        let collected: Collected | undefined;
        for (const code of order) collected = addPart(collected, readPart(code)!);
        expect(joinParts(collected!)).toBe(text);
      }),
      { numRuns: 50 },
    );
  });

  it('is not whole before all are seen', async () => {
    const codes = await splitBackup('x'.repeat(1000));
    expect(codes.length).toBe(3);
    const collected = codes
      .slice(1)
      .reduce<Collected | undefined>((all, code) => addPart(all, readPart(code)!), undefined);
    expect(joinParts(collected!)).toBeUndefined();
  });

  it('begins anew at a code of another backup', async () => {
    const [first] = await splitBackup('a'.repeat(900));
    const [, second] = await splitBackup('b'.repeat(900));
    const collected = addPart(addPart(undefined, readPart(first!)!), readPart(second!)!);
    expect([...collected.pieces.keys()]).toEqual([2]);
  });

  it.each([
    '',
    'https://news.example/#K7Q2M',
    'impuls-qr:0/2:0123456789ab:x',
    'impuls-qr:3/2:0123456789ab:x',
    'impuls-qr:1/999:0123456789ab:x',
  ])('is not read from %j', (text) => {
    expect(readPart(text)).toBeUndefined();
  });
});
