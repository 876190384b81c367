import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, type Sandbox } from './sandbox.js';

let box: Sandbox;
beforeAll(async () => {
  box = await createSandbox();
});
afterAll(() => box.remove());

describe('the demo', () => {
  it('ends with the books in JSON: nothing charged twice, nothing lost', async () => {
    const { code, stdout, stderr } = await box.run(['demo', '--json'], { env: { TMPDIR: box.folder } });
    expect(stderr).toBe('');
    const lines = stdout.trimEnd().split('\n');
    const checks = lines
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { part: string; check: string; ok: boolean });
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect([...new Set(checks.map(({ part }) => part))]).toEqual([
      'open',
      'buy',
      'pay',
      'seal',
      'cheat',
      'crash',
      'books',
    ]);
    // 2 articles, 1 letter and 50 ticks.
    const spent = 3 * 3 + 50;
    expect(lines.at(-1)).toBe(
      `{"bought":400,"spentByWallet":${spent},"spentByVendor":${spent},"doubleCharges":0,"lostUnits":0}`,
    );
    expect(code).toBe(0);
    expect(await readdir(box.folder)).toEqual([]);
  });

  it('tells people the same, with a table', async () => {
    const { code, stdout } = await box.run(['demo'], { env: { TMPDIR: box.folder } });
    expect(code).toBe(0);
    expect(stdout).not.toContain('✗');
    expect(stdout).toMatch(
      /bought +400 +400\n +spent +59 +59\n +left +341 +341\n\n +double charges: 0; lost units: 0/,
    );
    expect(stdout).toMatch(/wallet ([0-9a-f]{8}) +vendor \1/);
  });
});
