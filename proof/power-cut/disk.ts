import { basename, dirname } from 'node:path';
import { ImpulsError } from '../../src/core/errors.js';
import type { Choices } from '../../src/testing/suite.js';
import { gather, type Arg, type Call, type Step } from './trace.js';

/**
 * A disk that keeps what was synced, and of everything since then whatever it likes. A file's bytes are kept by sectors: each is
 * as it was at its last sync, or as any later write left it. What was cut off, and how long a file is, comes in the order in
 * which it happened. Names come in their order too, those of each folder by themselves, and are sure only when the folder was synced.
 */

const sectorSize = 512;

/** What becomes of that which is not sure. `torn`: of each write some sectors. */
export type Fate = 'lost' | 'there' | 'any' | 'torn';
export const fates: readonly Fate[] = ['lost', 'there', 'any', 'torn'];

interface Write {
  readonly at: number;
  /** Undefined cuts the file off, or makes it longer. */
  readonly bytes: Buffer | undefined;
  isDone: boolean;
}

class File {
  /** What is sure. */
  bytes = Buffer.alloc(0);
  /** Bytes that count, of `bytes`. */
  size = 0;
  /** With what is not sure. */
  length = 0;
  pending: Write[] = [];

  write(at: number, bytes: Buffer): Write {
    return this.#add({ at, bytes, isDone: false });
  }

  resize(size: number): Write {
    return this.#add({ at: size, bytes: undefined, isDone: false });
  }

  #add(write: Write): Write {
    this.length = sizeAfter(this.length, write);
    this.pending.push(write);
    return write;
  }

  /** @param synced what had been written when the sync began */
  settle(synced: ReadonlySet<Write>): void {
    const rest: Write[] = [];
    for (const write of this.pending) {
      if (!synced.has(write)) {
        rest.push(write);
        continue;
      }
      this.size = sizeAfter(this.size, write);
      this.#reserve(this.size);
      if (write.bytes) write.bytes.copy(this.bytes, write.at);
      else this.bytes.fill(0, write.at);
    }
    this.pending = rest;
  }

  #reserve(size: number): void {
    if (size <= this.bytes.length) return;
    const larger = Buffer.alloc(Math.max(2 * this.bytes.length, size));
    this.bytes.copy(larger);
    this.bytes = larger;
  }

  /** The file after a power cut. */
  survive(fate: Fate, choices: Choices): Buffer {
    const { pending } = this;
    const kept = keptSizes(pending.length, fate, choices);
    const size = pending.slice(0, kept).reduce(sizeAfter, this.size);
    const made = Buffer.alloc(pending.reduce((most, write) => Math.max(most, endOf(write)), this.size));
    this.bytes.copy(made, 0, 0, this.size);
    // A cut that did not happen leaves nothing of what was written behind it afterwards: that lies elsewhere.
    let end = Infinity;
    const latest = new Map<number, number>();
    for (const [i, { at, bytes }] of pending.entries()) {
      if (!bytes) {
        if (i >= kept) end = Math.min(end, at);
        continue;
      }
      const whole = fate === 'there' || (fate === 'any' && choices.below(2) === 0);
      for (const sector of sectorsOf(at, bytes.length)) {
        const isThere = whole || (fate === 'torn' && choices.below(2) === 0);
        if (isThere && (sector + 1) * sectorSize <= end) latest.set(sector, i);
      }
    }
    for (const [i, { at, bytes }] of pending.entries()) {
      if (!bytes) {
        if (i < kept) made.fill(0, at);
        continue;
      }
      for (const sector of sectorsOf(at, bytes.length)) {
        if ((latest.get(sector) ?? -1) < i) continue;
        const from = Math.max(at, sector * sectorSize);
        const to = Math.min(at + bytes.length, (sector + 1) * sectorSize);
        bytes.copy(made, from, from - at, to - at);
      }
    }
    return made.subarray(0, size);
  }
}

function endOf({ at, bytes }: Write): number {
  return at + (bytes?.length ?? 0);
}

function sizeAfter(size: number, write: Write): number {
  return write.bytes ? Math.max(size, endOf(write)) : write.at;
}

function keptSizes(count: number, fate: Fate, choices: Choices): number {
  if (fate === 'lost') return 0;
  return fate === 'there' ? count : choices.below(count + 1);
}

function* sectorsOf(at: number, length: number): Generator<number> {
  for (let sector = Math.floor(at / sectorSize); sector * sectorSize < at + length; sector++) yield sector;
}

type Names = Map<string, File | Folder>;
type Change = { readonly apply: (names: Names) => void; isDone: boolean };

class Folder {
  readonly sure: Names = new Map();
  readonly now: Names = new Map();
  pending: Change[] = [];

  change(apply: (names: Names) => void): Change {
    const change = { apply, isDone: false };
    apply(this.now);
    this.pending.push(change);
    return change;
  }

  settle(synced: ReadonlySet<Change>): void {
    // Names come in order: with the last that is sure, all before it.
    const last = this.pending.findLastIndex((change) => synced.has(change));
    for (const change of this.pending.splice(0, last + 1)) change.apply(this.sure);
  }

  survive(fate: Fate, choices: Choices): Names {
    const names: Names = new Map(this.sure);
    const kept = keptSizes(this.pending.length, fate, choices);
    for (const change of this.pending.slice(0, kept)) change.apply(names);
    return names;
  }
}

/** Syncs that do nothing, to see whether that is noticed. */
export interface DiskFlaws {
  readonly syncs?: 'none' | 'files-only';
}

interface Descriptor {
  readonly node: File | Folder;
  readonly appends: boolean;
  position: number;
}

/** Calls that may change files in ways that are not followed. */
const notFollowed = new Set([
  'fallocate',
  'copy_file_range',
  'sendfile',
  'truncate',
  'link',
  'linkat',
  'dup',
  'dup3',
]);

export class Disk {
  readonly #root: string;
  readonly #flaws: DiskFlaws;
  readonly #folder = new Folder();
  #descriptors = new Map<number, Descriptor>();
  readonly #marks = new Map<Call, () => void>();

  /** @param root a folder that is there already, and empty */
  constructor(root: string, flaws: DiskFlaws = {}) {
    this.#root = root;
    this.#flaws = flaws;
  }

  /** The process is gone; what it wrote is not. */
  endProcess(): void {
    this.#descriptors = new Map();
    this.#marks.clear();
  }

  take({ moment, call }: Step): void {
    if (call.result !== undefined && call.result < 0) return;
    if (moment === 'begins') {
      const end = this.#begin(call);
      if (end) this.#marks.set(call, end);
      return;
    }
    const end = this.#marks.get(call);
    this.#marks.delete(call);
    end?.();
  }

  /** The files as they may be found after a power cut now, by their paths below the root. */
  survive(fate: Fate, choices: Choices): Map<string, Buffer> {
    const files = new Map<string, Buffer>();
    const visit = (folder: Folder, path: string): void => {
      for (const [name, node] of folder.survive(fate, choices)) {
        if (node instanceof Folder) visit(node, `${path}${name}/`);
        // SQLite makes it anew from the log.
        else if (!name.endsWith('-shm')) files.set(path + name, node.survive(fate, choices));
      }
    };
    visit(this.#folder, '');
    return files;
  }

  /** @returns what happens when the call ends */
  #begin(call: Call): (() => void) | undefined {
    const { name, args } = call;
    switch (name) {
      case 'open':
      case 'openat':
      case 'creat':
        return () => this.#open(call);
      case 'close':
        this.#descriptors.delete(Number(args[0]));
        return undefined;
      case 'lseek':
        return () => {
          const descriptor = this.#of(args[0]);
          if (descriptor) descriptor.position = call.result!;
        };
      case 'write':
      case 'writev':
      case 'pwrite64':
      case 'pwritev':
      case 'pwritev2':
        return this.#write(call);
      case 'ftruncate':
        return this.#resize(call);
      case 'fsync':
      case 'fdatasync':
        return this.#sync(call);
      case 'rename':
      case 'renameat':
      case 'renameat2':
      case 'unlink':
      case 'unlinkat':
      case 'mkdir':
      case 'mkdirat':
        return this.#rename(call);
    }
    const isOurs = args.some((arg) => (typeof arg === 'string' ? this.#of(arg) : this.#isBelow(arg)));
    if (notFollowed.has(name) && isOurs) throw new ImpulsError('unsupported', `${name} is not followed`);
    return undefined;
  }

  #of(descriptor: Arg | undefined): Descriptor | undefined {
    return this.#descriptors.get(Number(descriptor));
  }

  #isBelow(path: Arg): boolean {
    return path.toString() === this.#root || path.toString().startsWith(`${this.#root}/`);
  }

  /** The folder that a path below the root lies in, and what it is called there. */
  #place(path: Arg | undefined): { folder: Folder; name: string } | undefined {
    if (path === undefined || !this.#isBelow(path)) return undefined;
    const folder = this.#find(dirname(path.toString()));
    return folder instanceof Folder ? { folder, name: basename(path.toString()) } : undefined;
  }

  #find(path: string): File | Folder | undefined {
    if (path === this.#root) return this.#folder;
    if (!path.startsWith(`${this.#root}/`)) return undefined;
    const parent = this.#find(dirname(path));
    return parent instanceof Folder ? parent.now.get(basename(path)) : undefined;
  }

  #open({ name, args, result }: Call): void {
    const [path, flags] = name === 'openat' ? [args[1], args[2]] : [args[0], args[1] ?? ''];
    if (!path || !this.#isBelow(path) || result === undefined) return;
    let node = this.#find(path.toString());
    const place = this.#place(path);
    const text = name === 'creat' ? 'O_CREAT|O_TRUNC' : String(flags);
    if (!node && place && text.includes('O_CREAT')) {
      const made = new File();
      place.folder.change((names) => names.set(place.name, made)).isDone = true;
      node = made;
    } else if (node instanceof File && text.includes('O_TRUNC') && node.length > 0) {
      node.resize(0).isDone = true;
    }
    if (!node) throw new ImpulsError('malformed', `${path.toString()} was opened, and is not there`);
    this.#descriptors.set(result, { node, appends: text.includes('O_APPEND'), position: 0 });
  }

  #write({ name, args, result }: Call): (() => void) | undefined {
    const descriptor = this.#of(args[0]);
    if (!(descriptor?.node instanceof File)) return undefined;
    const given = typeof args[1] === 'string' ? gather(args[1]) : args[1]!;
    const bytes = given.subarray(0, result ?? given.length);
    const { node, appends, position } = descriptor;
    const isPlaced = name.startsWith('p') && Number(args[3]) >= 0;
    const at = isPlaced ? Number(args[3]) : appends ? node.length : position;
    if (!isPlaced) descriptor.position = at + bytes.length;
    const write = node.write(at, bytes);
    return () => (write.isDone = true);
  }

  #resize({ args }: Call): (() => void) | undefined {
    const node = this.#of(args[0])?.node;
    if (!(node instanceof File)) return undefined;
    const write = node.resize(Number(args[1]));
    return () => (write.isDone = true);
  }

  #sync({ args }: Call): (() => void) | undefined {
    const node = this.#of(args[0])?.node;
    const { syncs } = this.#flaws;
    if (!node || syncs === 'none' || (syncs === 'files-only' && node instanceof Folder)) return undefined;
    if (node instanceof File) {
      const synced = new Set(node.pending.filter(({ isDone }) => isDone));
      return () => node.settle(synced);
    }
    const synced = new Set(node.pending.filter(({ isDone }) => isDone));
    return () => node.settle(synced);
  }

  #rename({ name, args }: Call): (() => void) | undefined {
    const paths = args.filter((arg) => typeof arg !== 'string');
    const place = this.#place(paths[0]);
    if (!place) return undefined;
    const { folder } = place;
    let change: Change;
    if (name.startsWith('mkdir')) {
      const made = new Folder();
      change = folder.change((names) => names.set(place.name, made));
    } else if (name.startsWith('unlink')) change = folder.change((names) => names.delete(place.name));
    else {
      const to = this.#place(paths[1]);
      const node = folder.now.get(place.name);
      if (to?.folder !== folder || !node) throw new ImpulsError('unsupported', 'a rename between folders');
      change = folder.change((names) => {
        names.delete(place.name);
        names.set(to.name, node);
      });
    }
    return () => (change.isDone = true);
  }
}
