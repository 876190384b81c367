import { open, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ImpulsError } from '../core/errors.js';

/**
 * A lock on a file that dies with the process, made of names alone: each process that wants it puts down a file named
 * after itself, and only then looks for others. Of two that come at the same time at least one sees the other, so never
 * do both go on. A name is never used by two processes (its number, and where the system tells, when it began), so the
 * file of a dead one can be removed at any time.
 */
export interface FileLock {
  release(): Promise<void>;
}

/** @throws ImpulsError `storage-locked` */
export async function lockFile(path: string): Promise<FileLock> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.lock-`;
  const own = `${prefix}${process.pid}-${await bornAt(process.pid)}`;
  const name = join(folder, own);
  await putDown(path, name);
  try {
    for (const other of await readdir(folder)) {
      if (!other.startsWith(prefix) || other === own) continue;
      const [pid, born] = parseOwner(other.slice(prefix.length));
      if (await isAlive(pid, born)) throw locked(path, join(folder, other), pid);
      await rm(join(folder, other), { force: true });
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { release };

  async function release(): Promise<void> {
    await rm(name, { force: true });
  }
}

async function putDown(path: string, name: string): Promise<void> {
  try {
    await (await open(name, 'wx', 0o600)).close();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    throw locked(path, name, process.pid);
  }
}

function locked(path: string, lock: string, pid: number): ImpulsError {
  return new ImpulsError('storage-locked', `the process ${pid} has ${path} open`, {
    hint: `Stop the process ${pid}. If it has nothing to do with it, delete ${lock}.`,
  });
}

function parseOwner(text: string): [pid: number, born: string] {
  const dash = text.indexOf('-');
  return [Number(text.slice(0, dash)), text.slice(dash + 1)];
}

async function isAlive(pid: number, born: string): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process of somebody else is alive, too.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const now = await bornAt(pid);
  return now === unknown || born === unknown || now === born;
}

const unknown = 'unknown';

/** When a process began: the boot and the clock tick of it, from proc(5). `unknown` where there is no such thing. */
async function bornAt(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    // The second field, the name, is in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const isGone = fields[0] === 'Z' || fields[0] === 'X';
    return isGone ? 'gone' : `${boot.slice(0, 8)}-${fields[19]}`;
  } catch {
    return unknown;
  }
}
