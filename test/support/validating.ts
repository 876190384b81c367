import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

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
