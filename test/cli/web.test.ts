import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

let box: Sandbox;
let server: Server;
beforeAll(async () => {
  box = await createSandbox();
  await box.json('vendor', 'init', 'shop', '--origin', box.origin, '--denominations', '100');
  server = await box.serve('shop');
});
afterAll(async () => {
  await server.stop();
  await box.remove();
});

interface Verified {
  readonly same: boolean;
  readonly pages: ReadonlyArray<{ page: string; hash: string; differences: readonly string[] }>;
}

/** Stands between, and alters what it hands on. */
async function startForger(
  forge: (path: string, body: string) => string,
): Promise<{ origin: string; server: HttpServer }> {
  const forger = createServer((req, res) => {
    const path = req.url ?? '/';
    fetch(box.origin + path)
      .then(async (response) => {
        response.headers.forEach((value, name) => {
          if (!/^(content-length|connection|keep-alive|transfer-encoding)$/.test(name))
            res.setHeader(name, value);
        });
        res.writeHead(response.status).end(forge(path, await response.text()));
      })
      .catch(() => res.destroy());
  });
  await new Promise<void>((resolve) => forger.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${(forger.address() as AddressInfo).port}`, server: forger };
}

describe('the pages that a vendor serves', () => {
  it('have no inline script or style, and headers that hold them to what they are for', async () => {
    for (const page of ['wallet', 'player']) {
      const response = await fetch(`${box.origin}/impuls/${page}/`);
      expect(response.status).toBe(200);
      const policy = response.headers.get('Content-Security-Policy') ?? '';
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).not.toContain('unsafe');
      expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(response.headers.get('Referrer-Policy')).toBe('no-referrer');
      expect(response.headers.get('Permissions-Policy')).toContain(
        page === 'wallet' ? 'camera=(self)' : 'camera=()',
      );
      const html = await response.text();
      expect(html).not.toMatch(/<style|style=|<script(?![^>]* src=)|\son\w+=/i);
      expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    }
    const wallet = await fetch(`${box.origin}/impuls/wallet/`);
    expect(wallet.headers.get('Content-Security-Policy')).toContain("connect-src 'self';");
    const bare = await fetch(`${box.origin}/impuls/wallet`, { redirect: 'manual' });
    expect([bare.status, bare.headers.get('Location')]).toEqual([308, '/impuls/wallet/']);
  });

  it('say the hash of their build, as sha256sum would make it of the files', async () => {
    const { hash, files } = (await (await fetch(`${box.origin}/impuls/wallet/build.json`)).json()) as {
      hash: string;
      files: Record<string, string>;
    };
    const paths = Object.keys(files);
    expect(paths).toEqual([...paths].sort());
    const list = paths.map((path) => `${files[path]}  ${path}\n`).join('');
    expect(createHash('sha256').update(list).digest('hex')).toBe(hash);
    for (const path of paths) {
      const bytes = Buffer.from(await (await fetch(`${box.origin}/impuls/wallet/${path}`)).arrayBuffer());
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(files[path]);
    }
    expect(server.events[0]).toMatchObject({
      pages: [{ path: '/impuls/wallet/', hash }, { path: '/impuls/player/' }],
    });
  });

  it('lead nowhere else', async () => {
    for (const path of [
      '/impuls/wallet/nothing',
      '/impuls/wallet/..%2f..%2fkeys.json',
      '/impuls/wallet/constructor',
    ]) {
      expect((await fetch(box.origin + path)).status).toBe(404);
    }
  });
});

describe('web verify', () => {
  it('finds the pages of a vendor to be those of this package', async () => {
    const { same, pages } = await box.json<Verified>('web', 'verify', box.origin);
    expect(same).toBe(true);
    expect(pages.map(({ page }) => page)).toEqual(['wallet', 'player']);
  });

  it('finds one that was altered, and ends with 1', async () => {
    const forger = await startForger((path, body) =>
      path.includes('/wallet/assets/index') && path.endsWith('.js') ? `${body};fetch('/steal')` : body,
    );
    try {
      const { code, stdout } = await box.run(['web', 'verify', forger.origin]);
      expect(code).toBe(1);
      const { same, pages } = JSON.parse(stdout) as Verified;
      expect(same).toBe(false);
      expect(pages[0]!.differences).toHaveLength(1);
      expect(pages[0]!.differences[0]).toMatch(/^assets\/index-.*\.js: [0-9a-f]{64}, not [0-9a-f]{64}$/);
      expect(pages[1]!.differences).toEqual([]);
    } finally {
      forger.server.close();
    }
  });

  it('finds that there is no page, and says where nobody answers', async () => {
    const bare = createServer((_req, res) => res.writeHead(404).end());
    await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(bare.address() as AddressInfo).port}`;
    const { code, stdout } = await box.run(['web', 'verify', origin]);
    expect(code).toBe(1);
    expect((JSON.parse(stdout) as Verified).pages[0]!.differences[0]).toContain('not there (404)');
    await new Promise((resolve) => bare.close(resolve));
    const gone = await box.run(['web', 'verify', origin]);
    expect(gone.code).toBe(6);
    expect(twoLines(gone.stderr).what).toContain('cannot be reached');
  });
});

describe('web export', () => {
  it('writes the pages as they are served, with the headers to send', async () => {
    const { folder, pages } = await box.json<{
      folder: string;
      pages: Array<{ page: string; hash: string }>;
    }>('web', 'export', 'pages');
    expect(folder).toBe(join(box.folder, 'pages'));
    for (const { page, hash } of pages) {
      const build = JSON.parse(await readFile(join(folder, page, 'build.json'), 'utf8')) as { hash: string };
      expect(build.hash).toBe(hash);
      const headers = JSON.parse(await readFile(join(folder, page, 'headers.json'), 'utf8')) as object;
      expect(headers).toHaveProperty('Content-Security-Policy');
      const served = await (await fetch(`${box.origin}/impuls/${page}/`)).text();
      expect(await readFile(join(folder, page, 'index.html'), 'utf8')).toBe(served);
    }
  });

  it('leaves a folder alone that is not empty', async () => {
    const before = await readdir(join(box.folder, 'shop'));
    const { code, stderr } = await box.run(['web', 'export', 'shop']);
    expect(code).toBe(2);
    expect(twoLines(stderr).what).toContain('is not empty');
    expect(await readdir(join(box.folder, 'shop'))).toEqual(before);
  });
});
