import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
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
