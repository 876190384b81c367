import { existsSync } from 'node:fs';
import type { Database, Statement } from 'better-sqlite3';
import { ImpulsError } from '../../core/errors.js';
import { loadDriver, storageError } from '../sqlite/files.js';

/**
 * A ledger's file as an auditor reads it: on its own, by what docs/adr/0011-books-and-chain.md says, without the code that
 * writes it. One snapshot, beside a server that goes on writing.
 */
export interface AuditFile {
  readonly db: Database;
  close(): void;
}

/** A row of the journal, but for the columns that are erased some day. */
export interface AuditRow {
  readonly seq: number;
  readonly slot: number;
  readonly kind: number;
  readonly claim: number;
  readonly end: number | null;
  readonly units: number | null;
  readonly kept: number;
  readonly tag: string | null;
  readonly proof: Uint8Array | null;
  readonly safe: number | null;
  readonly at: number;
  readonly challenge_expires: number;
  readonly route: number;
}

export const kindOf = { accept: 0, settle: 1, giveBack: 2, open: 3 } as const;

const columns = 'seq, slot, kind, claim, end, units, kept, tag, proof, safe, at, challenge_expires, route';

const applicationId = 0x696d706c;
const formatVersion = 4;

/** @throws ImpulsError `invalid-argument` where there is none, `unsupported` for another format, `storage-corrupt` */
export async function openAuditFile(path: string): Promise<AuditFile> {
  const driver = await loadDriver();
  if (!existsSync(path)) {
    throw new ImpulsError('invalid-argument', `there is no ledger at ${path}`, {
      hint: 'It is made by the first `impuls vendor serve`.',
    });
  }
  let db: Database | undefined;
  try {
    db = new driver(path, { readonly: true, fileMustExist: true, timeout: 5000 });
    db.exec('BEGIN');
    const application = db.pragma('application_id', { simple: true });
    const version = db.pragma('user_version', { simple: true });
    if (application !== applicationId || version !== formatVersion) {
      throw new ImpulsError('unsupported', `${path} is no ledger of format ${formatVersion}`, {
        hint: 'Start the server once: it brings an older ledger to the format of today.',
      });
    }
    const opened = db;
    return { db: opened, close: () => opened.close() };
  } catch (error) {
    db?.close();
    throw storageError(error);
  }
}

export function journalForward(db: Database): IterableIterator<AuditRow> {
  return db.prepare<[], AuditRow>(`SELECT ${columns} FROM journal ORDER BY seq`).iterate();
}

export function journalBackward(db: Database): IterableIterator<AuditRow> {
  return db.prepare<[], AuditRow>(`SELECT ${columns} FROM journal ORDER BY seq DESC`).iterate();
}

export function journalAfter(db: Database, seq: number): IterableIterator<AuditRow> {
  return db
    .prepare<[number], AuditRow>(`SELECT ${columns} FROM journal WHERE seq > ? ORDER BY seq`)
    .iterate(seq);
}

export function journalRow(db: Database): Statement<[seq: number], AuditRow> {
  return db.prepare<[number], AuditRow>(`SELECT ${columns} FROM journal WHERE seq = ?`);
}

/** What is wrong, for a person who looks for it. Never a secret. */
export function wrong(where: string, what: string): ImpulsError {
  return new ImpulsError('malformed', `${where}: ${what}`);
}
