import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImpulsError } from '../../core/errors.js';
import { utf8 } from '../../core/bytes.js';
import { startOperatorServer, type OperatorServer } from './http.js';

const token = 'a'.repeat(43);
const told: unknown[] = [];
let called: string[] = [];
let server: OperatorServer;

beforeEach(async () => {
  told.length = 0;
  called = [];
  server = await startOperatorServer({
    port: 0,
    token,
    page: {
      files: new Map([
        ['index.html', utf8('<!doctype html>')],
        ['assets/a.js', utf8('1')],
      ]),
      hashes: new Map(),
      hash: '',
    },
    calls: {
      'GET /api/state': async () => {
        called.push('state');
        return { fine: true };
      },
      'POST /api/batches': async ({ body }) => {
        const bytes = await body(10);
        called.push('batches');
        return { length: bytes.length };
      },
      'GET /api/refused': () =>
        Promise.reject(new ImpulsError('invalid-argument', 'no such serials', { hint: 'Say others.' })),
      'GET /api/broken': () => Promise.reject(new Error('the secret is 12345')),
    },
    onError: (error) => told.push(error),
  });
});
afterEach(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

interface Asked {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** By hand: what a browser would not let a page send, an attacker sends all the same. */
function ask(path: string, { method = 'GET', body = '', headers = {} }: Asked = {}): Promise<Answer> {
  const { hostname, port } = new URL(server.address);
  return new Promise((resolve, reject) => {
    const call = request({ hostname, port, path, method, headers }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      res.once('end', () => resolve({ status: res.statusCode!, headers: res.headers, text }));
    });
    call.once('error', reject).end(body);
  });
}

const mine = { authorization: `Bearer ${token}` };

describe('the server of the dashboard', () => {
  it('listens on this machine only', () => {
    expect(new URL(server.address).hostname).toBe('127.0.0.1');
  });

  it('answers calls that bring the token, and no other', async () => {
    expect(await ask('/api/state', { headers: mine })).toMatchObject({ status: 200, text: '{"fine":true}' });
    for (const authorization of [
      '',
      'Bearer',
      `Bearer ${token.slice(1)}`,
      `Bearer ${token}a`,
      `Bearer b${token.slice(1)}`,
    ]) {
      const { status, text } = await ask('/api/state', { headers: { authorization } });
      expect(status).toBe(401);
      expect(text).not.toContain(token.slice(1));
    }
    expect((await ask(`/api/state?token=${token}`)).status).toBe(401);
    expect(called).toEqual(['state']);
  });

  it('does not say without the token what there is', async () => {
    expect((await ask('/api/nothing')).status).toBe(401);
    expect((await ask('/api/nothing', { headers: mine })).status).toBe(404);
    expect((await ask('/api/state', { method: 'DELETE', headers: mine })).status).toBe(404);
  });

  it('answers under the names of this machine, so that no other name leads to it', async () => {
    const { port } = new URL(server.address);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
      expect((await ask('/', { headers: { host } })).status).toBe(200);
    }
    for (const host of [`evil.example:${port}`, '127.0.0.1', `127.0.0.1.evil.example:${port}`, 'localhost']) {
      expect((await ask('/', { headers: { host } })).status).toBe(421);
      expect((await ask('/api/state', { headers: { ...mine, host } })).status).toBe(421);
    }
    expect(called).toEqual([]);
  });

  it('does nothing for pages of other origins, even with the token', async () => {
    for (const origin of ['https://evil.example', 'null', `${server.address}.evil.example`]) {
      expect((await ask('/api/state', { headers: { ...mine, origin } })).status).toBe(401);
    }
    expect((await ask('/api/state', { headers: { ...mine, origin: server.address } })).status).toBe(200);
    const asked = await ask('/api/state', {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(asked.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('sends its page under a policy that lets it load its own files only', async () => {
    const { headers, text } = await ask('/');
    expect(text).toBe('<!doctype html>');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect((await ask('/assets/a.js')).headers['content-type']).toContain('text/javascript');
  });

  it('has no other files', async () => {
    for (const path of ['/nothing', '/../vendor.json', '/%2e%2e/keys.json', '//evil.example/', '/assets']) {
      expect((await ask(path)).status).toBe(404);
    }
    expect((await ask('/', { method: 'POST' })).status).toBe(405);
  });

  it('takes no more than a call has use for', async () => {
    const post = { method: 'POST', headers: mine };
    expect((await ask('/api/batches', { ...post, body: '1234567890' })).text).toBe('{"length":10}');
    expect((await ask('/api/batches', { ...post, body: '12345678901' })).status).toBe(413);
    expect(called).toEqual(['batches']);
  });

  it('says what was refused and the next move, and nothing of what is none of the page', async () => {
    const refused = await ask('/api/refused', { headers: mine });
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.text)).toEqual({
      error: { code: 'invalid-argument', message: 'no such serials', hint: 'Say others.' },
    });
    const broken = await ask('/api/broken', { headers: mine });
    expect(broken.status).toBe(500);
    expect(broken.text).not.toContain('12345');
    expect(told).toHaveLength(1);
  });

  it('says which port is taken, and what to do', async () => {
    const { port } = new URL(server.address);
    const page = { files: new Map(), hashes: new Map(), hash: '' };
    await expect(
      startOperatorServer({ port: Number(port), token, page, calls: {}, onError: () => {} }),
    ).rejects.toMatchObject({ code: 'network', hint: expect.stringContaining('--port') });
  });
});
