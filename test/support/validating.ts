import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { platformNetwork } from '../../src/cli/doctor/network-checks.js';
import { validate } from '../../src/cli/validating/validate.js';

/** What a peer's own black-box check of Payment servers says. */
export interface PeerValidation {
  readonly code: number;
  readonly summary: { readonly passed: number; readonly failed: number; readonly warnings: number };
  readonly endpoints: readonly unknown[];
}

const bin = fileURLToPath(new URL('../../node_modules/mppx/dist/bin.js', import.meta.url));

/** @param endpoint `GET:/path`, in the place of those that the server describes */
export function validateByPeer(origin: string, endpoint?: string): Promise<PeerValidation> {
  const args = [bin, 'validate', origin, '--output-json', ...(endpoint ? ['--endpoint', endpoint] : [])];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, out) => {
      const code = error ? Number(error.code) : 0;
      resolve({ code, ...(JSON.parse(out) as Omit<PeerValidation, 'code'>) });
    });
  });
}

/** Both checks, ours and the peer's, find nothing wrong in what a vendor lists. @param routes how many it lists @param warned of what we warn */
export async function expectValid(
  origin: string,
  routes: number,
  warned: readonly string[] = [],
): Promise<void> {
  const checks = await validate({ ...platformNetwork, origin, paths: [] });
  expect(checks.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
  expect(checks.filter(({ verdict }) => verdict === 'warn').map(({ name }) => name)).toEqual(warned);
  expect(checks.filter(({ name }) => name.endsWith(' without a card'))).toHaveLength(routes);
  const { code, summary, endpoints } = await validateByPeer(origin);
  // Where there is nothing to try, the peer ends with 1.
  expect({ code, ...summary }).toMatchObject({ code: routes === 0 ? 1 : 0, failed: 0 });
  expect(endpoints).toHaveLength(routes);
}
