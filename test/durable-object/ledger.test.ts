import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ledgerCases } from '../../src/testing/index.js';
import { crashCases } from './crashes.js';
import { bundleWhole } from '../runtimes/bundles.js';
import { findPlatform } from '../support/platforms.js';
import { startWorker, type TestWorker } from '../support/workerd.js';

const capabilities = ['restart'];

describe.skipIf(!findPlatform('miniflare'))('the ledger on Durable Objects, under workerd', () => {
  let worker: TestWorker;
  // In memory, where the system has such a place: what is tried here is not its disk.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'impuls-objects-'));
  beforeAll(async () => {
    const script = await bundleWhole(fileURLToPath(new URL('worker.ts', import.meta.url)));
    worker = await startWorker({ script, folder, durableObjects: { LEDGER: 'TestLedger' } });
  });
  afterAll(async () => {
    await worker[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  for (const { name, needs } of [...ledgerCases(), ...crashCases]) {
    // One course of what may happen is enough where each call goes to another thread.
    if (/seed [23]/.test(name)) continue;
    it.skipIf(needs && !capabilities.includes(needs))(name, async () => {
      const response = await worker.fetch(`http://localhost/?case=${encodeURIComponent(name)}`);
      expect(await response.text()).toBe('');
    });
  }
});
