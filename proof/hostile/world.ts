import { createFaults, hash, type Rates } from './faults.js';
import { denominations } from './identity.js';
import { createLedgerDisk, type DiskFlaws } from './ledger-disk.js';
import { createWay } from './network.js';
import { Observer, type Breach } from './observer.js';
import { createScheduler } from './scheduler.js';
import { VendorActor, type VendorFlaws } from './vendor.js';
import { createWalletDisk, type WalletDiskFlaws } from './wallet-disk.js';
import { WalletActor, type WalletFlaws } from './wallet.js';

/** One world: wallets, a vendor and what lies between them, from a seed to the last book. */

export interface WorldOptions {
  readonly seed: number;
  /** How many calls are made in all. */
  readonly calls: number;
  readonly wallets?: number;
  readonly rates?: Partial<Rates>;
  /** Only these faults strike; default: as the rates say. */
  readonly only?: ReadonlySet<string>;
  /** Calls that are left out; default none. */
  readonly omits?: ReadonlySet<string>;
  readonly flaws?: Flaws;
}

/** What is done wrongly on purpose, to see whether that shows. */
export interface Flaws {
  readonly ledger?: DiskFlaws;
  readonly vendor?: VendorFlaws;
  readonly walletDisk?: WalletDiskFlaws;
  readonly wallet?: WalletFlaws;
}

export interface WorldReport {
  readonly seed: number;
  readonly calls: number;
  /** Claims that the vendor accepted. */
  readonly accepted: number;
  /** Calls that are charged in the end. */
  readonly charged: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Everything that struck. */
  readonly struck: readonly string[];
  readonly crashes: { readonly vendor: number; readonly wallets: number };
  readonly breaches: readonly Breach[];
  readonly events: number;
  /** Virtual milliseconds. */
  readonly lasted: number;
  /** Of all that happened, in its order: the same for the same seed. */
  readonly digest: string;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

export async function runWorld(options: WorldOptions): Promise<WorldReport> {
  const { seed, calls, wallets: count = 4, flaws = {}, omits = new Set() } = options;
  const scheduler = createScheduler();
  const faults = createFaults(options);
  const observer = new Observer(() => scheduler.now);
  const disk = createLedgerDisk(scheduler, faults, observer, flaws.ledger);
  const vendor = new VendorActor({ seed, scheduler, faults, disk, observer, flaws: flaws.vendor ?? {} });
  const log = createLog();
  const wallets: WalletActor[] = [];
  let isOver = false;

  async function open(): Promise<void> {
    await vendor.begin();
    const share = Math.ceil(calls / count);
    // Nine units are the most that a call holds, and some are lost to failures that outlive the vendor.
    const needed = 1 + Math.ceil((share * 4.5) / denominations[0]);
    for (let i = 0; i < count; i++) {
      const name = `w${i}`;
      const way = createWay({ scheduler, faults, vendor });
      const codes = await vendor.vendor.createVouchers(
        [{ denomination: denominations[0], count: 1 }],
        needed,
      );
      const walletDisk = createWalletDisk(
        name,
        faults,
        (changes) => {
          for (const [key, value] of changes) log.add(scheduler.now, name, key, value ?? '');
          observer.wrote(name, changes);
        },
        flaws.walletDisk,
      );
      const protocol = i % 2 === 0 ? 'chain' : 'stream';
      const lanes = 1 + faults.draw(`lanes ${name}`, 5);
      const context = { name, seed, scheduler, faults, observer, disk: walletDisk, way, protocol } as const;
      const wallet = new WalletActor({
        ...context,
        codes,
        calls: share,
        lanes,
        omits: (call) => omits.has(call),
        flaws: flaws.wallet ?? {},
      });
      wallets.push(wallet);
      troubleWallet(wallet, way);
    }
  }

  /** Its network is cut now and then, and its clock jumps. */
  function troubleWallet(wallet: WalletActor, way: ReturnType<typeof createWay>): void {
    let n = 0;
    const tick = (): void => {
      if (isOver) return;
      const place = `${wallet.name} minute ${n++}`;
      if (faults.strikes('network partitioned', place)) way.cut(faults.draw(place, 3 * minute));
      if (faults.strikes('wallet clock jumped', place)) {
        wallet.clockError = (faults.draw(place, 48) - 24) * hour;
      }
      scheduler.after(minute, tick);
    };
    scheduler.after(minute, tick);
  }

  /** Purges, looks at the books, sets its clock, makes a backup and goes back to it. */
  function operate(): void {
    let n = 0;
    let backup = 0;
    const backupAt = 5 + faults.draw('backup', 20);
    const restoreAt = backupAt + 1 + faults.draw('restore', 15);
    const tick = (): void => {
      if (isOver) return;
      const place = `minute ${n}`;
      if (n === backupAt) backup = disk.durable;
      if (n === restoreAt && faults.strikes('vendor restored', 'the world')) {
        void vendor.restore(backup);
        scheduler.after(minute * (1 + faults.draw('lift', 20)), lift);
      }
      if (faults.strikes('vendor clock jumped', place)) {
        vendor.clockError = (faults.draw(place, 180) - 90) * minute;
      }
      if (n % 20 === 19 && vendor.isUp) {
        const now = Math.floor(vendor.clock() / second);
        vendor.ledger.purge(now - 3 * 3600, now - 12 * 3600).catch(() => {});
      }
      if (n % 10 === 9) void observer.checkLedger(disk.truth);
      n++;
      scheduler.after(minute, tick);
    };
    scheduler.after(minute, tick);
  }

  function lift(): void {
    observer.lifted();
    const attempt = (): void => {
      if (!vendor.isUp) {
        scheduler.after(second, attempt);
        return;
      }
      vendor.ledger.liftQuarantine().catch(() => {
        scheduler.after(second, attempt);
      });
    };
    attempt();
  }

  /** The network is well again, and everybody finishes what is open. */
  async function close(): Promise<void> {
    faults.cease();
    isOver = true;
    // Whatever is still on its way arrives, and whoever is down comes back.
    await new Promise<void>((resolve) => {
      scheduler.after(2 * hour, resolve);
    });
    if (disk.isQuarantined) lift();
    await new Promise<void>((resolve) => {
      scheduler.after(minute, resolve);
    });
    for (const wallet of wallets) {
      await wallet.settle();
      await observer.compare(wallet.name, wallet.cards(), disk.truth);
    }
    await observer.checkLedger(disk.truth);
    observer.checkEnd();
  }

  const outcome = { hasEnded: false };
  scheduler.after(0, () => {
    const life = async (): Promise<void> => {
      await open();
      faults.begin();
      operate();
      await Promise.all(wallets.map((wallet) => wallet.begin()));
      await close();
      outcome.hasEnded = true;
    };
    life().catch((error: unknown) => {
      outcome.hasEnded = true;
      isOver = true;
      observer.breach('nothing unexpected', error instanceof Error ? String(error.stack) : String(error));
    });
  });
  const events = await scheduler.run();
  if (!outcome.hasEnded) {
    const open = wallets.filter(({ isDone }) => !isDone).map(({ name }) => name);
    observer.breach('comes to an end', `${open.join(', ')} wait for ever`);
  }
  log.add(events, 'end', String(scheduler.now), String(observer.accepted));
  return {
    seed,
    calls: observer.tally.calls,
    accepted: observer.accepted,
    charged: observer.tally.charged,
    faults: faults.counts,
    struck: faults.struck,
    crashes: { vendor: vendor.crashes, wallets: wallets.reduce((sum, { crashes }) => sum + crashes, 0) },
    breaches: observer.breaches,
    events,
    lasted: scheduler.now,
    digest: log.digest(),
  };
}

interface Log {
  add(at: number, who: string, what: string, value: string): void;
  digest(): string;
}

function createLog(): Log {
  let [a, b] = [1, 2];
  return {
    add(at, who, what, value) {
      const text = `${at} ${who} ${what} ${value}`;
      a = hash(a, text);
      b = hash(b ^ 0x5bd1_e995, text);
    },
    digest: () => a.toString(16).padStart(8, '0') + b.toString(16).padStart(8, '0'),
  };
}
