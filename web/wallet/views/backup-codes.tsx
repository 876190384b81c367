import { useState } from 'preact/hooks';
import { QrCode } from './qr-code.js';

/** The codes of a backup, one after the other, for another device to scan. */
export function BackupCodes({
  codes,
  onDone,
}: {
  readonly codes: readonly string[];
  readonly onDone: () => void;
}) {
  const [at, setAt] = useState(0);
  const several = codes.length > 1;
  const label = several ? `Backup, code ${at + 1} of ${codes.length}` : 'Backup';
  return (
    <section class="codes" aria-label="Backup as QR codes">
      <QrCode text={codes[at]!} label={label} />
      <p role="status">{label}</p>
      {several && (
        <div class="row">
          <button type="button" onClick={() => setAt(at - 1)} disabled={at === 0}>
            Previous
          </button>
          <button type="button" onClick={() => setAt(at + 1)} disabled={at === codes.length - 1}>
            Next
          </button>
        </div>
      )}
      <p>
        On the other device open this page, choose Backup, then “Scan QR codes”
        {several ? ', and show it each of these. Their order does not matter.' : '.'}
      </p>
      <button type="button" class="primary" onClick={onDone} disabled={several && at < codes.length - 1}>
        The other device has {several ? 'all of them' : 'it'}
      </button>
    </section>
  );
}
