import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { expectValid } from '../support/validating.js';

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../examples/inference/${name}`, import.meta.url));

it('sells an answer to the client of OpenAI as it streams, by the token, and is as validators expect', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'impuls-example-'));
  const port = await freePort();
  const server = spawn(process.execPath, [pathOf('main.mjs')], {
    cwd: folder,
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'exit');
  try {
    const [line] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
    const told = [`http://127.0.0.1:${port}`, line.split(' ').at(-1)!, 'one two three'];
    const { stdout } = await promisify(execFile)(process.execPath, [pathOf('client.mjs'), ...told]);
    const [text, units] = stdout.trim().split('\n');
    expect(text!.trim().split(' ')).toHaveLength(60);
    // 60 tokens written, and a few read.
    expect(units).toBe('7 units');
    await expectValid(told[0]!, 1);
  } finally {
    server.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  }
});
