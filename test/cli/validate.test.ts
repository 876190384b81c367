import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

interface Report {
  readonly vendor: string;
  readonly valid: boolean;
  readonly checks: ReadonlyArray<{ readonly name: string; readonly verdict: string; readonly next?: string }>;
}

describe('impuls validate on the command line', () => {
  let box: Sandbox;
  let server: Server;
  let article: string;

  beforeAll(async () => {
    box = await createSandbox();
    await box.json(
      'vendor',
      'init',
      'shop',
      '--origin',
      box.origin,
      '--name',
      'News',
      '--denominations',
      '100',
    );
    server = await box.serve('shop');
    article = `${box.origin}/articles/hello.txt`;
    const { codes } = await box.json<{ codes: string[] }>('voucher', 'create', 'shop', '--units', '100');
    await box.json('redeem', box.origin, codes[0]!, '--protocol', 'chain');
  });
  afterAll(async () => {
    await server.stop();
    await box.remove();
  });

  it('finds nothing that fails in a vendor of this package', async () => {
    const report = await box.json<Report>('validate', box.origin, article);
    expect(report).toMatchObject({ vendor: box.origin, valid: true });
    const rest = report.checks.filter(({ verdict }) => verdict !== 'ok').map(({ name }) => name);
    expect(rest).toEqual(['GET /articles/{path} 402']);
  });

  it('pays once where it is told to', async () => {
    const { valid, checks } = await box.json<Report>('validate', article, '--pay', '--max', '5');
    expect(valid).toBe(true);
    expect(checks.map(({ name }) => name)).toContain('GET /articles/hello.txt balance');
    expect(await box.json('cards')).toMatchObject([{ left: 99, reserved: 0 }]);
  });

  it('ends with 1 and the next move where something fails', async () => {
    const other: HttpServer = createServer((_, res) => void res.end('hello'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { code, stdout } = await box.run([
      'validate',
      `http://127.0.0.1:${(other.address() as AddressInfo).port}`,
    ]);
    await new Promise((resolve) => other.close(resolve));
    expect(code).toBe(1);
    const { valid, checks } = JSON.parse(stdout) as Report;
    expect(valid).toBe(false);
    expect(checks.find(({ name }) => name === 'keys')).toMatchObject({ verdict: 'fail' });
  });

  it('says what it does not understand', async () => {
    for (const args of [['news'], [article, 'http://127.0.0.2/'], [article, '--pay']]) {
      const { code, stderr } = await box.run(['validate', ...args]);
      expect(code).toBe(2);
      expect(twoLines(stderr).next).not.toBe('');
    }
  });
});
