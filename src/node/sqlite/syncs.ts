import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';

/**
 * Syncs the write-ahead log of a SQLite file to the disk. SQLite itself would do it within a commit, and hold up the event loop
 * for as long (`synchronous=FULL`); what it leaves to be done here is the last thing that such a commit does.
 */
export interface LogSyncs {
  /** Syncs all that is committed by now, beside the event loop. */
  sync(done: (error: Error | null) => void): void;
  /** The same before it returns. @throws what the operating system says */
  syncNow(): void;
  close(): void;
}

/** @param path of the SQLite file; somebody has it open for writing */
export function openLogSyncs(path: string): LogSyncs {
  // A failure is told once to each descriptor: of two that share one, one would not hear of it.
  const [later, now] = [open(path), open(path)];
  let syncing = false;
  let closed = false;
  const close = (): void => {
    closeSync(later);
    closeSync(now);
  };
  return {
    sync(done) {
      syncing = true;
      fdatasync(later, (error) => {
        syncing = false;
        if (closed) close();
        done(error);
      });
    },
    syncNow: () => fdatasyncSync(now),
    close() {
      closed = true;
      if (!syncing) close();
    },
  };
}

/** SQLite has no lock on the log that closing it would drop, as it has on the file. */
function open(path: string): number {
  return openSync(`${path}-wal`, 'r+');
}
