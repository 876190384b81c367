import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { expectValid } from '../support/validating.js';
import { runExample, startExample, type Running } from './run-example.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-example-'));
let server: Running | undefined;
afterEach(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('a tool is called over HTTP and paid for with a card', async () => {
  server = await startExample('mcp-tool/server.mjs', [], {
    cwd: folder,
    env: { PORT: String(await freePort()) },
  });
  const [origin, code] = server.first.split(' ') as [string, string];
  const { stdout, stderr } = await runExample('mcp-tool/client.mjs', [origin, code], { cwd: folder });
  expect(stderr).toBe('');
  expect(stdout).toBe('6 words, for 2 units (0.002 USD)\n');
  // Tools are described by their own protocol.
  await expectValid(origin, 0, ['openapi']);
});
