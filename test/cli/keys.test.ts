import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, twoLines, type Sandbox } from './sandbox.js';

interface Listed {
  readonly keys: ReadonlyArray<{ readonly kind: string; readonly id: string; readonly state: string }>;
}

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
  await sandbox.json('vendor', 'init', 'shop', '--origin', sandbox.origin, '--denominations', '100');
});
afterAll(() => sandbox.remove());

const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
const list = async () => (await sandbox.json<Listed>('keys', 'list', 'shop')).keys;
const states = async (kind: string) =>
  (await list()).filter((key) => key.kind === kind).map(({ state }) => state);
const served = async (): Promise<string> => {
  const bytes = await (await fetch(`${sandbox.origin}/.well-known/impuls`)).arrayBuffer();
  return createHash('sha256').update(Buffer.from(bytes)).digest('base64url');
};
const buy = async (wallet: string) => {
  const { codes } = await sandbox.json<{ readonly codes: readonly string[] }>('voucher', 'create', 'shop');
  return sandbox.run(['redeem', sandbox.origin, codes[0]!, '--wallet', wallet]);
};
const pay = (wallet: string) =>
  sandbox.run(['fetch', '--max', '5', '--wallet', wallet, `${sandbox.origin}/articles/hello.txt`]);

/** A host that keeps a copy of the key document. */
async function startMirror(body: () => string) {
  const server = createServer((_, res) => res.end(body()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/shop.json`;
  return { url, close: () => new Promise((resolve) => server.close(resolve)) };
}

describe('impuls check-keys', () => {
  it('compares with mirrors, and redeem buys nothing where one contradicts', async () => {
    const server = await sandbox.serve('shop');
    let copy = '';
    const mirror = await startMirror(() => copy);
    try {
      const honest = await (await fetch(`${sandbox.origin}/.well-known/impuls`)).text();
      const other = honest.replace('"name":"shop"', '"name":"shop of your own"');
      expect(other).not.toBe(honest);
      const check = (...more: string[]) => sandbox.run(['check-keys', sandbox.origin, ...more, '--json']);
      const verdict = async (...more: string[]) => {
        const { code, stdout } = await check(...more);
        return [code, (JSON.parse(stdout) as { readonly verdict: string }).verdict];
      };
      expect(await verdict()).toEqual([0, 'unconfirmed']);
      copy = honest;
      expect(await verdict('--mirror', mirror.url)).toEqual([0, 'confirmed']);
      copy = 'down';
      expect(await verdict('--mirror', mirror.url)).toEqual([6, 'unconfirmed']);
      copy = other;
      expect(await verdict('--mirror', mirror.url)).toEqual([1, 'contradicted']);

      const { codes } = await sandbox.json<{ readonly codes: readonly string[] }>(
        'voucher',
        'create',
        'shop',
      );
      const wallet = join(sandbox.folder, 'careful', 'wallet');
      const redeem = (...more: string[]) =>
        sandbox.run(['redeem', sandbox.origin, codes[0]!, '--wallet', wallet, ...more]);
      const refused = await redeem('--mirror', mirror.url);
      expect(refused.code).toBe(1);
      expect(twoLines(refused.stderr).what).toContain(`other keys than ${mirror.url}`);
      const config = join(sandbox.folder, 'careful', 'config.json');
      await writeFile(config, JSON.stringify({ mirrors: { [sandbox.origin]: [mirror.url] } }));
      expect((await redeem()).code).toBe(1);
      copy = honest;
      expect((await redeem()).code).toBe(0);
      await writeFile(config, JSON.stringify({ mirrors: { [sandbox.origin]: mirror.url } }));
      expect((await sandbox.run(['check-keys', sandbox.origin, '--wallet', wallet])).code).toBe(2);
    } finally {
      await mirror.close();
      expect(await server.stop()).toBe(0);
    }
    expect((await sandbox.run(['check-keys', sandbox.origin])).code).toBe(6);
    expect((await sandbox.run(['check-keys', 'news'])).code).toBe(2);
  });
});

describe('impuls keys', () => {
  it('lists what there is', async () => {
    expect(await list()).toMatchObject([
      { kind: 'issuing', state: 'issuing', denomination: 100 },
      { kind: 'activation', state: 'current' },
      { kind: 'statement', state: 'current' },
    ]);
    expect((await sandbox.run(['keys', 'list', 'none'])).code).toBe(2);
  });

  it('rotates beside a running server, which sells, activates and spends on as if nothing were', async () => {
    const server = await sandbox.serve('shop');
    try {
      const before = await served();
      expect((await buy('early')).code).toBe(0);
      const rotated = await sandbox.json<{ document: string; server: string; issuing: unknown[] }>(
        ...['keys', 'rotate', 'shop', '--from', inDays(300), '--activation', '--statement'],
      );
      expect(rotated).toMatchObject({ server: 'reloaded', issuing: [{ denomination: 100 }] });
      expect(rotated.document).not.toBe(before);
      expect(await served()).toBe(rotated.document);
      expect(await states('issuing')).toEqual(['issuing', 'planned']);
      expect(await states('activation')).toEqual(['replaced', 'current']);
      expect(await states('statement')).toEqual(['replaced', 'current']);
      expect((await pay('early')).code).toBe(0);
      expect((await buy('late')).code).toBe(0);
      expect((await pay('late')).code).toBe(0);

      const again = await sandbox.json<object>(
        'keys',
        'rotate',
        'shop',
        '--from',
        inDays(300),
        '--activation',
      );
      expect(again).toMatchObject({ document: rotated.document, issuing: [] });
    } finally {
      expect(await server.stop()).toBe(0);
    }
  });

  it('revokes beside a running server: nothing more is issued or activated, and what is active is spent', async () => {
    const server = await sandbox.serve('shop');
    try {
      expect((await buy('unused')).code).toBe(0);
      const { id } = (await list())[0]!;
      const gone = await sandbox.json('keys', 'revoke', id.slice(0, 8), 'shop', '--reason', 'leaked');
      expect(gone).toMatchObject({ id, reason: 'leaked', server: 'reloaded', issued: false });
      expect(await states('issuing')).toEqual(['revoked', 'planned']);
      expect((await pay('early')).code).toBe(0);
      const refused = await pay('unused');
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain('stolen');
      expect((await sandbox.run(['voucher', 'create', 'shop'])).code).toBe(2);

      await sandbox.json('keys', 'rotate', 'shop');
      expect(await states('issuing')).toEqual(['revoked', 'planned', 'issuing']);
      expect((await buy('fresh')).code).toBe(0);
      expect((await pay('fresh')).code).toBe(0);
    } finally {
      expect(await server.stop()).toBe(0);
    }
    const secrets = JSON.parse(await readFile(join(sandbox.folder, 'shop', 'keys.json'), 'utf8')) as {
      readonly issuing: readonly string[];
    };
    expect(secrets.issuing).toHaveLength(2);
  });

  it('works without a server, and says what a mistake is', async () => {
    const rotated = await sandbox.json('keys', 'rotate', 'shop', '--denominations', '5');
    expect(rotated).toMatchObject({ server: 'no-server', issuing: [{ denomination: 5 }] });
    const wrong = async (...args: string[]) => {
      const { code, stderr } = await sandbox.run(['keys', ...args]);
      expect(code).toBe(2);
      return twoLines(stderr);
    };
    const { id } = (await list())[0]!;
    expect((await wrong('revoke', id, 'shop')).next).toContain('--reason');
    expect((await wrong('revoke', 'nonesuch', 'shop', '--reason', 'lost')).next).toContain('keys list');
    expect((await wrong('revoke', id, 'shop', '--reason', 'lost')).what).toContain('leaked');
    expect((await wrong('rotate', 'shop', '--from', 'tomorrow')).what).toContain('--from');
    expect((await wrong('rotate', 'shop', '--denominations', '0')).what).toContain('denomination');
  });
});
