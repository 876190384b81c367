import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createChoices, type Choices } from '../../src/testing/suite.js';
import { Disk, fates, type DiskFlaws, type Fate } from './disk.js';
import { LedgerKnown } from './ledger-check.js';
import { record, toldBy } from './record.js';
import type { Step } from './trace.js';
import { WalletKnown } from './wallet-check.js';
import { startWalletVendor } from './wallet-vendor.js';

/** What is recorded, and how what is left of it is checked. */

/** All lives of a process: each but the last is killed, and the next one finds all that it wrote. */
export interface Recording {
  readonly root: string;
  readonly lives: readonly (readonly Step[])[];
  /** @returns what hears what is told, and checks a folder against it */
  known(): Known;
  close(): void;
}

export interface Known {
  readonly told: number;
  hear(words: readonly string[]): void;
  check(folder: string): Promise<string[]>;
}

export interface RecordOptions {
  readonly seed: number;
  /** Payments of each of the six cards of a ledger, in all lives; half of those of a wallet. */
  readonly size: number;
  readonly kills: number;
  readonly folder: string;
}

export async function recordLedger(options: RecordOptions): Promise<Recording> {
  const share = Math.ceil(options.size / (options.kills + 1));
  const root = join(options.folder, 'ledger');
  const lives = await recordLives('ledger-load', root, options, (life) => ({
    path: `${root}/ledger.db`,
    cards: 6,
    turns: [life * share, (life + 1) * share],
    life,
  }));
  return { root, lives, known: () => new LedgerKnown(), close() {} };
}

/** One long life, in which the worker makes checkpoints beside the payments. */
export async function recordLongLedger(options: RecordOptions): Promise<Recording> {
  return recordLedger({ ...options, size: Math.ceil(2.5 * options.size), kills: 0 });
}

export async function recordWallet(options: RecordOptions): Promise<Recording> {
  const vendor = await startWalletVendor();
  const payments = Math.ceil((2 * options.size) / (options.kills + 1));
  const root = join(options.folder, 'wallet');
  const codes = await vendor.codes(2 * (options.kills + 1));
  const lives = await recordLives('wallet-load', root, options, (life) => ({
    path: `${root}/purse/wallet`,
    port: vendor.port,
    codes: codes.slice(2 * life, 2 * life + 2),
    payments,
    life,
  }));
  const known = (): Known => {
    const wallet = new WalletKnown();
    return {
      get told() {
        return wallet.told;
      },
      hear: (words) => wallet.hear(words),
      check: (folder) => wallet.check(folder, (request) => vendor.answer(request)),
    };
  };
  return { root, lives, known, close: () => vendor.close() };
}

async function recordLives(
  program: string,
  root: string,
  { seed, kills, folder }: RecordOptions,
  settings: (life: number) => object,
): Promise<Step[][]> {
  const choices = createChoices(seed);
  const disk = new Disk(root);
  const lives: Step[][] = [];
  for (let life = 0; life <= kills; life++) {
    putFiles(root, disk.survive('there', choices));
    const steps = await record(program, settings(life), join(folder, `${program}.trace`));
    const end = life < kills ? killPoint(steps, choices) : steps.length;
    const lived = steps.slice(0, end);
    for (const step of lived) disk.take(step);
    disk.endProcess();
    lives.push(lived);
  }
  rmSync(root, { recursive: true, force: true });
  return lives;
}

/** In the second half, and just before something is synced: there is the most that a process that comes after it may believe. */
function killPoint(steps: readonly Step[], choices: Choices): number {
  const syncs = [...steps.keys()].filter(
    (i) => i > steps.length / 2 && steps[i]!.moment === 'begins' && isSync(steps[i]!),
  );
  return choices.pick(syncs);
}

export function isSync({ call }: Step): boolean {
  return call.name === 'fsync' || call.name === 'fdatasync';
}

/** A place in a recording. */
export interface Cut {
  readonly life: number;
  /** Steps of that life that have been done. */
  readonly step: number;
  readonly at: 'sync' | 'word' | 'other';
}

/** Every place where a sync begins or ends or a word is given, and some others, in the order in which they come. */
export function chooseCuts({ lives }: Recording, least: number, most: number, seed: number): Cut[] {
  const choices = createChoices(seed);
  const wanted: Cut[] = [];
  const others: Cut[] = [];
  for (const [life, steps] of lives.entries()) {
    for (const [i, step] of steps.entries()) {
      const at = isSync(step) ? 'sync' : toldBy(step) !== undefined ? 'word' : 'other';
      (at === 'other' ? others : wanted).push({ life, step: i + 1, at });
    }
  }
  while (others.length > 0 && wanted.length < least) {
    wanted.push(others.splice(choices.below(others.length), 1)[0]!);
  }
  while (wanted.length > most) wanted.splice(choices.below(wanted.length), 1);
  return wanted.sort((a, b) => a.life - b.life || a.step - b.step);
}

export interface Fault {
  readonly cut: Cut;
  readonly fate: Fate;
  readonly what: string;
}

export interface CutOptions {
  readonly seed: number;
  readonly folder: string;
  readonly flaws?: DiskFlaws;
  /** Tells what is told before the sync that it waited for has ended. */
  readonly tellsEarly?: true;
  /** Stops at the first fault. */
  readonly onlyFirst?: true;
  readonly onCut?: (done: number) => void;
}

/** Cuts the power at each place, and checks what is left. */
export async function cutPower(
  recording: Recording,
  cuts: readonly Cut[],
  options: CutOptions,
): Promise<{ readonly tried: Record<Fate, number>; readonly faults: Fault[] }> {
  const { seed, folder, flaws, tellsEarly, onlyFirst, onCut } = options;
  const choices = createChoices(seed);
  const disk = new Disk(recording.root, flaws);
  const known = recording.known();
  const tried: Record<Fate, number> = { lost: 0, there: 0, any: 0, torn: 0 };
  const faults: Fault[] = [];
  let done = 0;
  for (const [life, steps] of recording.lives.entries()) {
    if (life > 0) disk.endProcess();
    let taken = 0;
    const told = tellsEarly ? early(steps) : (step: number) => [steps[step]!];
    for (const cut of cuts.filter((one) => one.life === life)) {
      for (; taken < cut.step; taken++) {
        disk.take(steps[taken]!);
        for (const step of told(taken)) {
          const words = toldBy(step);
          if (words) known.hear(words);
        }
      }
      const fate = choices.pick(fates);
      const place = join(folder, `cut-${done}`);
      putFiles(place, disk.survive(fate, choices));
      for (const what of await checkFolder(known, place)) faults.push({ cut, fate, what });
      rmSync(place, { recursive: true, force: true });
      tried[fate]++;
      onCut?.(++done);
      if (onlyFirst && faults.length > 0) return { tried, faults };
    }
    for (; taken < steps.length; taken++) {
      disk.take(steps[taken]!);
      for (const step of told(taken)) {
        const words = toldBy(step);
        if (words) known.hear(words);
      }
    }
  }
  return { tried, faults };
}

async function checkFolder(known: Known, place: string): Promise<string[]> {
  try {
    return await known.check(place);
  } catch (error) {
    return [error instanceof Error ? `it does not open: ${error.message}` : 'it does not open'];
  }
}

/** What is told when a sync begins: all up to the first word after it has ended. */
function early(steps: readonly Step[]): (step: number) => Step[] {
  const moved = new Map<number, Step[]>();
  let sync = 0;
  for (const [i, step] of steps.entries()) {
    if (step.moment === 'begins' && isSync(step)) sync = i;
    if (toldBy(step)) moved.set(sync, [...(moved.get(sync) ?? []), step]);
  }
  return (step) => moved.get(step) ?? [];
}

function putFiles(root: string, files: ReadonlyMap<string, Buffer>): void {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  for (const [name, bytes] of files) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}
