import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { initVendorFolder } from '../../src/node/vendor/folder.js';
import { startBalancer, type Balancer } from './balancer.js';
import { databaseUrl, openNode, type Node } from './databases.js';
import { leadAddress, openNetwork, type Host, type Network } from './network.js';
import { startProgram, type Program } from './programs.js';
import type { VendorSettings } from './vendor.js';
import type { Ended, Paid, WalletSettings } from './wallet.js';

/** Two nodes of PostgreSQL, three vendors, nginx, and wallets, each on a host of its own. */
export interface World {
  readonly network: Network;
  readonly vendors: readonly VendorHost[];
  readonly balancer: Balancer;
  /** Programs with some wallets each. */
  readonly wallets: readonly Program[];
  /** Of PostgreSQL, by their roles now. */
  nodes: { readonly primary: Node; readonly standby: Node };
  /** A host between vendors and database, where nothing runs as yet. */
  readonly middle: Host;
  /** All that wallets told. */
  readonly ended: readonly Ended[];
  readonly paid: readonly Paid[];
  /** What vendors reported: how often, by code and message. */
  readonly reported: ReadonlyMap<string, number>;
  /** Units of each card sold. */
  readonly denomination: number;
  /** Of the runs of handlers, by all vendors. */
  readonly runFiles: readonly string[];
  close(): Promise<void>;
}

export interface VendorHost {
  readonly host: Host;
  program: Program;
  start(): Promise<void>;
}

export interface WorldOptions {
  /** Empty. */
  readonly folder: string;
  readonly wallets: number;
  /** Payments a second, of all wallets. */
  readonly rate: number;
  readonly seed: number;
  readonly log: (message: string) => void;
}

const origin = 'https://shop.example';
const vendorNames = ['vendor1', 'vendor2', 'vendor3'];
const walletHosts = ['wallets1', 'wallets2'];
const denomination = 1 << 14;

export async function openWorld(options: WorldOptions): Promise<World> {
  const { log } = options;
  const names = ['db1', 'db2', ...vendorNames, 'balancer', 'middle', ...walletHosts];
  log('hosts and their network');
  const network = await openNetwork(`impuls${process.pid}`, names);
  const open: (() => Promise<void>)[] = [() => network.close()];
  const close = async (): Promise<void> => {
    for (const end of open.reverse()) await end();
  };
  try {
    return await furnish(network, options, open, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function furnish(
  network: Network,
  { folder, rate, seed, log, ...options }: WorldOptions,
  open: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<World> {
  const { hosts } = network;
  log('a primary and its standby');
  const nodes: Node[] = [];
  for (const name of ['db1', 'db2']) {
    const node = await openNode(network, hosts[name]!, folder);
    open.push(() => node.unmount());
    nodes.push(node);
  }
  const [primary, standby] = nodes as [Node, Node];
  await primary.create();
  await network.lead(primary.host);
  await standby.follow(primary);
  await primary.followed();

  log('three vendors');
  const vendorFolder = join(folder, 'vendor');
  await initVendorFolder(vendorFolder, {
    origin,
    name: 'Example News',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    listen: { host: '127.0.0.1', port: 0 },
    routes: [],
    denominations: [denomination],
  });
  const reported = new Map<string, number>();
  const vendors: VendorHost[] = [];
  const runFiles: string[] = [];
  for (const name of vendorNames) {
    const host = hosts[name]!;
    const runs = join(folder, `${name}.runs`);
    runFiles.push(runs);
    const place: VendorSettings = {
      folder: vendorFolder,
      database: databaseUrl(leadAddress),
      leaseSeconds: 10,
      runs,
      host: host.address,
      port: 8000,
    };
    const start = async (): Promise<Program> => {
      const program = await startProgram('vendor', place, {
        namespace: host.namespace,
        log: join(folder, `${name}.log`),
        onEvent(event) {
          const { code, message } = event as { code?: string; message: string };
          const text = `${code} ${message}`;
          reported.set(text, (reported.get(text) ?? 0) + 1);
        },
      });
      await program.ask('port');
      return program;
    };
    const vendor: VendorHost = {
      host,
      program: await start(),
      async start() {
        vendor.program = await start();
      },
    };
    vendors.push(vendor);
  }

  log('nginx');
  const balancer = await startBalancer(
    hosts['balancer']!,
    folder,
    vendors.map(({ host }) => `${host.address}:8000`),
  );
  open.push(() => balancer.stop());

  log('wallets');
  await mkdir(join(folder, 'wallets'));
  const ended: Ended[] = [];
  const paid: Paid[] = [];
  const each = Math.ceil(options.wallets / walletHosts.length);
  const wallets: Program[] = [];
  for (const [i, name] of walletHosts.entries()) {
    const settings: WalletSettings = {
      names: Array.from({ length: each }, (_, n) => `wallet${i * each + n + 1}`),
      folder: join(folder, 'wallets'),
      origin,
      via: [balancer.origin],
      rate: rate / (each * walletHosts.length),
      seed: seed + i,
    };
    const program = await startProgram('wallet', settings, {
      namespace: hosts[name]!.namespace,
      log: join(folder, `${name}.log`),
      onEvent(event) {
        const told = event as Ended | Paid;
        if (told.event === 'paid') paid.push(told);
        else ended.push(told);
      },
    });
    open.push(() => program.kill());
    wallets.push(program);
    const count = 2 * settings.names.length;
    const codes = (await vendors[0]!.program.ask('vouchers', { denomination, count })) as string[];
    await program.ask(
      'redeem',
      Object.fromEntries(settings.names.map((name, n) => [name, codes.slice(2 * n, 2 * n + 2)])),
    );
  }
  return {
    network,
    vendors,
    balancer,
    wallets,
    nodes: { primary, standby },
    middle: hosts['middle']!,
    ended,
    paid,
    reported,
    denomination,
    runFiles,
    close,
  };
}
