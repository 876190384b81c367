import { isIssuing, revocationOf } from '../core/key-life.js';
import type { VendorFolder } from '../node/vendor/folder.js';
import { recentSeconds } from '../node/vendor/files.js';

/** One key of a vendor as it is shown. Times are Unix seconds. */
export interface KeyRow {
  readonly kind: 'issuing' | 'activation' | 'statement';
  /** Of a statement key: the key itself. */
  readonly id: string;
  readonly state:
    'planned' | 'issuing' | 'verify-only' | 'revoked' | 'expired' | 'current' | 'replaced' | 'destroyed';
  readonly denomination?: number;
  readonly epoch?: string;
  readonly reason?: 'leaked' | 'lost';
  /** From when it issues. */
  readonly from?: number;
  /** Until when it issues, opens, or signs. */
  readonly until?: number;
  /** Until when cards of it are activated for the first time, and spent. */
  readonly activated?: number;
  readonly spent?: number;
}

/** @param now Unix seconds */
export function listKeys({ document, retired }: VendorFolder, now: number): KeyRow[] {
  const issuing = document.cards.map((key): KeyRow => {
    const { id, denomination, epoch, notBefore, notAfter, expires } = key;
    const revocation = revocationOf(document, id);
    return {
      kind: 'issuing',
      id,
      denomination,
      epoch,
      state: stateOf(key, revocation !== undefined, now),
      ...(revocation && { reason: revocation.reason }),
      from: notBefore,
      until: Math.min(notAfter, revocation?.time ?? notAfter),
      activated: Math.min(expires, revocation?.activateUntil ?? expires),
      spent: expires,
    };
  });
  const statements = document.statement.earlier ?? [];
  return [
    ...issuing,
    ...retired.map(({ id, time }): KeyRow => {
      const until = time + recentSeconds;
      return { kind: 'activation', id, state: now < until ? 'replaced' : 'destroyed', until };
    }),
    { kind: 'activation', id: document.activation.id, state: 'current' },
    ...statements.map(({ key, until }): KeyRow => ({ kind: 'statement', id: key, state: 'replaced', until })),
    { kind: 'statement', id: document.statement.key, state: 'current' },
  ];
}

function stateOf(
  key: { readonly notBefore: number; readonly notAfter: number; readonly expires: number },
  isRevoked: boolean,
  now: number,
): KeyRow['state'] {
  if (now >= key.expires) return 'expired';
  if (isRevoked) return 'revoked';
  if (isIssuing(key, now)) return 'issuing';
  return now < key.notBefore ? 'planned' : 'verify-only';
}
