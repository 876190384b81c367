import { startProgram, type Program } from './programs.js';
import type { RelaySettings } from './relay.js';
import type { World } from './world.js';

/** Something that breaks while wallets pay, and what is done about it then. */
export interface Fault {
  /** One word, for options and pictures. */
  readonly name: string;
  readonly what: string;
  /** How long it lasts before it is mended. */
  readonly seconds: number;
  strike(world: World): Promise<void>;
  mend(world: World): Promise<void>;
}

/** How long nobody sees that the primary is gone. */
const noticedAfterMs = 1000;

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The standby takes over, and the way to the database leads to it. */
async function failOver(world: World): Promise<void> {
  const { primary, standby } = world.nodes;
  await standby.promote();
  await world.network.lead(standby.host);
  world.nodes = { primary: standby, standby: primary };
}

/** Until it is there no payment is taken: what is on one disk only could be lost. */
async function rebuildStandby({ nodes: { primary, standby } }: World): Promise<void> {
  await standby.follow(primary);
  await primary.followed();
}

let slow: Program | undefined;

export const faults: readonly Fault[] = [
  {
    name: 'vendor',
    what: 'a vendor is killed, and started again',
    seconds: 4,
    strike: ({ vendors }) => vendors[0]!.program.kill(),
    mend: ({ vendors }) => vendors[0]!.start(),
  },
  {
    name: 'balancer',
    what: 'all workers of nginx are killed',
    seconds: 1,
    strike: ({ balancer }) => balancer.killWorkers(),
    mend: async () => {},
  },
  {
    name: 'primary',
    what: 'the primary is killed, the standby promoted, and the old primary made its standby',
    seconds: noticedAfterMs / 1000,
    strike: ({ network, nodes }) => network.killAll(nodes.primary.host),
    async mend(world) {
      await failOver(world);
      await rebuildStandby(world);
    },
  },
  {
    name: 'vendor-cut',
    what: 'the network between a vendor and the database is cut',
    seconds: 10,
    strike: ({ network, vendors, nodes }) => network.cut(vendors[1]!.host, nodes.primary.host),
    mend: ({ network, vendors, nodes }) => network.heal(vendors[1]!.host, nodes.primary.host),
  },
  {
    name: 'standby-cut',
    what: 'the network between primary and standby is cut: nothing is taken that is on one disk only',
    seconds: 8,
    strike: ({ network, nodes }) => network.cut(nodes.primary.host, nodes.standby.host),
    async mend({ network, nodes: { primary, standby } }) {
      await network.heal(primary.host, standby.host);
      await primary.followed();
    },
  },
  {
    name: 'standby',
    what: 'the standby is killed, and started again',
    seconds: 4,
    strike: ({ network, nodes }) => network.killAll(nodes.standby.host),
    async mend({ nodes: { primary, standby } }) {
      await standby.start();
      await primary.followed();
    },
  },
  {
    name: 'primary-cut',
    what: 'the primary is cut off from everything and lives on; the standby is promoted',
    seconds: noticedAfterMs / 1000,
    async strike({ network, vendors, nodes: { primary, standby } }) {
      for (const { host } of [...vendors, standby]) await network.cut(host, primary.host);
    },
    async mend(world) {
      const { network, vendors, nodes } = world;
      await failOver(world);
      for (const { host } of [...vendors, nodes.standby]) await network.heal(host, nodes.primary.host);
      await rebuildStandby(world);
    },
  },
  {
    name: 'disk',
    what: 'the disk of the primary is full',
    seconds: 6,
    strike: ({ nodes }) => nodes.primary.fillDisk(),
    async mend({ nodes: { primary } }) {
      await primary.freeDisk();
      if (!(await primary.isUp())) await primary.start();
      await primary.followed();
    },
  },
  {
    name: 'slow',
    what: 'the way to the database takes 40 to 120 ms longer, each way',
    seconds: 10,
    async strike({ network, middle, nodes }) {
      const settings: RelaySettings = {
        host: '0.0.0.0',
        port: 5432,
        to: nodes.primary.host.address,
        leastMs: 40,
        mostMs: 120,
      };
      slow = await startProgram('relay', settings, { namespace: middle.namespace });
      await slow.ask('ready');
      await network.lead(middle);
    },
    async mend({ network, nodes }) {
      await network.lead(nodes.primary.host);
      await slow!.kill();
    },
  },
  {
    name: 'clock',
    what: 'the clock of a vendor jumps an hour ahead, and then an hour back',
    seconds: 5,
    async strike({ vendors }) {
      await vendors[2]!.program.ask('ahead', 3_600_000);
    },
    async mend({ vendors }) {
      await vendors[2]!.program.ask('ahead', -3_600_000);
      await pause(5000);
      await vendors[2]!.program.ask('ahead', 0);
    },
  },
  {
    name: 'power',
    what: 'power fails: all vendors and both nodes of the database are killed, and started again',
    seconds: 2,
    async strike({ network, vendors, nodes: { primary, standby } }) {
      const hosts = [primary.host, standby.host];
      await Promise.all([
        ...hosts.map((host) => network.killAll(host)),
        ...vendors.map((v) => v.program.kill()),
      ]);
    },
    async mend({ vendors, nodes: { primary, standby } }) {
      await Promise.all([primary.start(), standby.start()]);
      await primary.followed();
      await Promise.all(vendors.map((vendor) => vendor.start()));
    },
  },
];
