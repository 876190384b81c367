import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Hosts of a network of their own: a network namespace for each, and one with a bridge between them. Needs root. */

export interface Host {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
}

export interface Network {
  readonly hosts: Readonly<Record<string, Host>>;
  /** Loses all packets between two hosts, silently, as a broken switch does. */
  cut(one: Host, other: Host): Promise<void>;
  heal(one: Host, other: Host): Promise<void>;
  /** Takes the address that leads to the database from whoever has it, and gives it to a host. */
  lead(host: Host): Promise<void>;
  /** SIGKILL to all that runs on a host. */
  killAll(host: Host): Promise<void>;
  close(): Promise<void>;
}

/** The address that leads to the primary, whichever that is. */
export const leadAddress = '10.77.0.100';

const run = promisify(execFile);
const ip = (...args: string[]): Promise<{ stdout: string }> => run('ip', args);
/** Nobody has it. */
const nowhere = '02:00:00:00:00:01';

export async function openNetwork(prefix: string, names: readonly string[]): Promise<Network> {
  const bridge = `${prefix}-switch`;
  const hosts: Record<string, Host> = {};
  let leading: Host | undefined;

  await ip('netns', 'add', bridge);
  await ip('-n', bridge, 'link', 'add', 'br0', 'type', 'bridge');
  await ip('-n', bridge, 'link', 'set', 'br0', 'up');
  for (const [i, name] of names.entries()) {
    const namespace = `${prefix}-${name}`;
    const address = `10.77.0.${i + 1}`;
    await ip('netns', 'add', namespace);
    await ip(
      'link',
      'add',
      'eth0',
      'netns',
      namespace,
      'type',
      'veth',
      'peer',
      'name',
      name,
      'netns',
      bridge,
    );
    await ip('-n', bridge, 'link', 'set', name, 'master', 'br0', 'up');
    await ip('-n', namespace, 'link', 'set', 'lo', 'up');
    await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    await ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    hosts[name] = { name, namespace, address };
  }

  const addressesOf = (host: Host): string[] => [host.address, ...(host === leading ? [leadAddress] : [])];

  /** Packets go to a link-layer address that nobody has: nothing comes back, not even an error. */
  async function misdirect(from: Host, to: Host): Promise<void> {
    for (const address of addressesOf(to)) {
      const entry = [address, 'lladdr', nowhere, 'dev', 'eth0', 'nud', 'permanent'];
      await ip('-n', from.namespace, 'neigh', 'replace', ...entry);
    }
  }

  /** An address that is not known by now is looked for anew. */
  async function forget({ namespace }: Host, address: string): Promise<void> {
    await ip('-n', namespace, 'neigh', 'del', address, 'dev', 'eth0').catch(() => {});
  }

  async function redirect(from: Host, to: Host): Promise<void> {
    for (const address of [to.address, leadAddress]) await forget(from, address);
  }

  async function killAll({ namespace }: Host): Promise<void> {
    for (;;) {
      const { stdout } = await ip('netns', 'pids', namespace);
      const pids = stdout.split('\n').filter(Boolean).map(Number);
      if (pids.length === 0) return;
      for (const pid of pids) kill(pid);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  return {
    hosts,
    killAll,
    async cut(one, other) {
      await Promise.all([misdirect(one, other), misdirect(other, one)]);
    },
    async heal(one, other) {
      await Promise.all([redirect(one, other), redirect(other, one)]);
    },
    async lead(host) {
      const entry = [`${leadAddress}/24`, 'dev', 'eth0'];
      if (leading) await ip('-n', leading.namespace, 'addr', 'del', ...entry);
      leading = host;
      await ip('-n', host.namespace, 'addr', 'add', ...entry);
      // What a gratuitous ARP would tell.
      for (const host of Object.values(hosts)) await forget(host, leadAddress);
    },
    async close() {
      await Promise.all(Object.values(hosts).map(killAll));
      for (const { namespace } of Object.values(hosts)) await ip('netns', 'del', namespace);
      await ip('netns', 'del', bridge);
    },
  };
}

/** A process may be gone by the time. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error;
  }
}
