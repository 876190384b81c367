import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Connection } from './files.js';

/**
 * Carries the pages of the write-ahead log over into the file, beside the hot path: a worker copies and syncs all but the
 * last of them, the main thread only what came meanwhile, so that SQLite begins the log anew instead of growing it.
 */
export interface Checkpoints {
  /** Takes note of a commit. @param pages about how many it wrote */
  wrote(pages: number): void;
  /** Empties the log, so that nothing that was erased is left in it. @throws what SQLite throws */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

/** What a worker reports, in pages: the log's length, and how much of that is carried over. */
export interface CheckpointReport {
  readonly log: number;
  readonly checkpointed: number;
}

/** 4 MiB: the worker's share. */
const sharePages = 1024;
/** 32 MiB: the log is to begin anew. */
const restartPages = 8192;
/** 128 MiB: the main thread does it all, however long it takes. */
const boundPages = 32_768;
/** Without a worker: after so long without a commit. */
const idleMs = 50;

export function startCheckpoints(connection: Connection, path: string): Checkpoints {
  let logPages = 0;
  let newPages = 0;
  let worker: Worker | undefined;
  let workerFailed = false;
  let workerBusy = false;
  let idle: NodeJS.Timeout | undefined;

  function checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    // Somebody who reads the file must not hold up the payments.
    connection.pragma('busy_timeout = 0');
    const [report] = connection.pragma(`wal_checkpoint(${mode})`) as CheckpointReport[];
    connection.pragma('busy_timeout = 1000');
    newPages = 0;
    logPages = report ? report.log - report.checkpointed : 0;
  }

  /** One that fails costs nothing but a longer log: all is in there. */
  function tryCheckpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    try {
      checkpoint(mode);
    } catch {
      newPages = 0;
      logPages = 0;
    }
  }

  function startWorker(): Worker {
    const started = new Worker(new URL('./checkpoint-worker.js', import.meta.url), {
      workerData: path,
    });
    started.unref();
    started.on('message', ({ log, checkpointed }: CheckpointReport) => {
      workerBusy = false;
      logPages = Math.max(logPages, log);
      if (log >= restartPages && checkpointed > 0) tryCheckpoint('PASSIVE');
    });
    started.on('error', () => {
      workerFailed = true;
      workerBusy = false;
    });
    return started;
  }

  function share(): void {
    newPages = 0;
    workerBusy = true;
    worker ??= startWorker();
    worker.postMessage('checkpoint');
  }

  function waitForIdle(): void {
    if (logPages >= restartPages) tryCheckpoint('PASSIVE');
    else if (idle) idle.refresh();
    else idle = setTimeout(() => tryCheckpoint('PASSIVE'), idleMs).unref();
  }

  return {
    wrote(pages) {
      logPages += pages;
      newPages += pages;
      if (logPages >= boundPages && !workerBusy) tryCheckpoint('TRUNCATE');
      if (newPages < sharePages || workerBusy) return;
      if (workerFailed) waitForIdle();
      else share();
    },

    async empty() {
      if (worker && workerBusy) await once(worker, 'message').catch(() => {});
      checkpoint('TRUNCATE');
    },

    async stop() {
      clearTimeout(idle);
      if (!worker || workerFailed) return;
      const gone = new Promise((resolve) => worker!.once('exit', resolve));
      worker.ref();
      worker.postMessage('stop');
      await gone;
    },
  };
}
