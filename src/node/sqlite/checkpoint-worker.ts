import Database from 'better-sqlite3';
import { parentPort, workerData } from 'node:worker_threads';
import type { CheckpointReport } from './checkpoints.js';

/** The thread that `startCheckpoints` starts: one connection, one checkpoint a message. */

const connection = new Database(workerData as string, { fileMustExist: true, timeout: 0 });

parentPort?.on('message', (order: 'checkpoint' | 'stop') => {
  if (order === 'stop') {
    connection.close();
    parentPort?.close();
    return;
  }
  const [report] = connection.pragma('wal_checkpoint(PASSIVE)') as CheckpointReport[];
  parentPort?.postMessage(report);
});
