import { execFile } from 'node:child_process';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Host, Network } from './network.js';

/**
 * Two nodes of PostgreSQL, each with a disk of its own in memory. What the primary says is committed is on both disks: it waits for the
 * other (`synchronous_commit = on`; nothing is read from the standby, so it need not have applied it), also when it was just promoted.
 * No acknowledged payment is on one disk only, and so a node without the other takes none.
 */
export interface Node {
  readonly host: Host;
  /** Of its log. */
  readonly log: string;
  /** Starts it as it was last. */
  start(): Promise<void>;
  /** Makes a standby into a primary. */
  promote(): Promise<void>;
  /** Makes it a primary with an empty database. */
  create(): Promise<void>;
  /** Makes it the standby of another one, from a copy of it. */
  follow(primary: Node): Promise<void>;
  /** Resolves when a standby has all that was committed here. */
  followed(): Promise<void>;
  fillDisk(): Promise<void>;
  freeDisk(): Promise<void>;
  isUp(): Promise<boolean>;
  unmount(): Promise<void>;
}

export const binaries = '/usr/lib/postgresql/15/bin';
const run = promisify(execFile);
const user = 'postgres';
const password = 'chaos';
const diskBytes = '320m';

const settings = `
listen_addresses = '*'
max_connections = 200
shared_buffers = 32MB
wal_level = replica
min_wal_size = 32MB
max_wal_size = 64MB
wal_keep_size = 32MB
synchronous_commit = on
synchronous_standby_names = 'FIRST 1 (db1, db2)'
wal_sender_timeout = 2s
wal_receiver_timeout = 2s
wal_retrieve_retry_interval = 200ms
tcp_keepalives_idle = 2
tcp_keepalives_interval = 1
tcp_keepalives_count = 3
tcp_user_timeout = 5s
`;

/** The URL of the database at an address, for vendors. */
export function databaseUrl(address: string): string {
  return `postgres://${user}:${password}@${address}:5432/impuls`;
}

export async function openNode(network: Network, host: Host, folder: string): Promise<Node> {
  const disk = join(folder, host.name);
  const data = join(disk, 'data');
  const filler = join(disk, 'filler');
  const log = join(folder, `${host.name}.log`);
  await mkdir(disk);
  await run('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${diskBytes},mode=0700,uid=${user},gid=${user}`,
    'tmpfs',
    disk,
  ]);
  await writeFile(log, '', { mode: 0o666 });
  await run('chown', [`${user}:`, log]);

  /** Runs a program of PostgreSQL on the host. */
  async function on(program: string, args: readonly string[], options = ''): Promise<string> {
    const enter = ['netns', 'exec', host.namespace, 'setpriv', `--reuid=${user}`, `--regid=${user}`];
    const env = { ...process.env, PGPASSWORD: password, PGOPTIONS: options, PGCONNECT_TIMEOUT: '5' };
    const command = [...enter, '--init-groups', join(binaries, program), ...args];
    const { stdout } = await run('ip', command, { env, cwd: disk });
    return stdout;
  }
  const query = (sql: string): Promise<string> =>
    on('psql', ['-h', disk, '-d', 'postgres', '-AtqXc', sql], local);
  const start = async (): Promise<void> => {
    // Left behind by what was killed.
    for (const lock of [join(data, 'postmaster.pid'), join(disk, '.s.PGSQL.5432.lock')]) {
      await rm(lock, { force: true });
    }
    await on('pg_ctl', ['start', '-w', '-s', '-t', '30', '-D', data, '-l', log]);
  };

  return {
    host,
    log,
    start,
    async promote() {
      await on('pg_ctl', ['promote', '-w', '-s', '-D', data]);
    },
    async create() {
      const secret = join(disk, 'password');
      await writeFile(secret, password);
      await run('chown', [`${user}:`, secret]);
      const access = ['--auth-local=trust', '--auth-host=scram-sha-256', `--pwfile=${secret}`];
      await on('initdb', ['-D', data, '-U', user, ...access, '--no-sync', '-E', 'UTF8', '--locale=C']);
      await appendFile(join(data, 'postgresql.conf'), `${settings}unix_socket_directories = '${disk}'\n`);
      const rules = ['all', 'replication'].map((name) => `host ${name} all 10.77.0.0/24 scram-sha-256\n`);
      await appendFile(join(data, 'pg_hba.conf'), rules.join(''));
      await start();
      await query('CREATE DATABASE impuls');
    },
    async follow(primary) {
      await network.killAll(host);
      await rm(data, { recursive: true, force: true });
      const from = `host=${primary.host.address} user=${user} password=${password} application_name=${host.name}`;
      await on('pg_basebackup', ['-D', data, '-d', from, '-R', '-X', 'stream', '-c', 'fast', '--no-sync']);
      await appendFile(join(data, 'postgresql.conf'), `unix_socket_directories = '${disk}'\n`);
      await start();
    },
    async followed() {
      const sql =
        "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'";
      while ((await query(sql)).trim() === '0') await new Promise((resolve) => setTimeout(resolve, 50));
    },
    async fillDisk() {
      for (const bytes of [1 << 20, 4096]) await writeUntilFull(filler, new Uint8Array(bytes));
    },
    async freeDisk() {
      await rm(filler, { force: true });
    },
    async isUp() {
      return on('pg_isready', ['-q', '-h', disk]).then(
        () => true,
        () => false,
      );
    },
    async unmount() {
      await network.killAll(host);
      await run('umount', [disk]);
    },
  };
}

async function writeUntilFull(path: string, piece: Uint8Array): Promise<void> {
  try {
    for (;;) await appendFile(path, piece);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOSPC') throw error;
  }
}

/** Before there is a standby nothing waits for one. */
const local = '-c synchronous_commit=local';
