import { limits } from '../core/limits.js';
import type { ProtocolName } from '../core/protocol.js';
import type { CardReport } from '../core/receipt.js';

/**
 * Which places of a card the next claim takes. A place is a unit of `chain` and a step of `stream`; a claim of `units` takes
 * as many places of the one, and one of the other. Pure: every function makes a new account.
 *
 * The lowest free places that fit are taken first, so what was freed is used again before anything new. What holds
 * (docs/spec.md §6.2): whatever order claims arrive in and whatever becomes of them, an honest vendor finds none of their
 * places held (`conflict`) and no card too full of holes (`crowded`).
 */

/** The places `(from, to]`. */
export type Range = readonly [from: number, to: number];

/** What a wallet knows of a card. */
export interface Account {
  readonly protocol: ProtocolName;
  /** Units bought. */
  readonly units: number;
  /** Units held by settled claims. */
  readonly spent: number;
  /** Units held by unsettled claims. */
  readonly reserved: number;
  /** How many claims those are. */
  readonly unsettled: number;
  /** The vendor's top is known to be this at least. */
  readonly top: number;
  /** Places that no claim holds: ascending, disjoint, merged where they touch. */
  readonly free: readonly Range[];
}

/** What a claim holds: `units`, at the places up to `end`. */
export interface Hold {
  readonly end: number;
  readonly units: number;
}

/** `wait`: not as long as claims are unsettled. `none`: not on this card. */
export type Allocation = { readonly end: number } | 'wait' | 'none';

interface Shape {
  /** Places that a claim of so many units takes. */
  readonly width: (units: number) => number;
  /** Places on a card of so many units. */
  readonly places: (units: number) => number;
  /** Places that one claim may leap over. */
  readonly leap: number;
  /** Whether the places of a released claim are free again. */
  readonly returns: boolean;
}

const shapes: Readonly<Record<ProtocolName, Shape>> = {
  chain: { width: (units) => units, places: (units) => units, leap: limits.skippedUnits, returns: true },
  stream: { width: () => 1, places: () => limits.maxUint32, leap: limits.skippedSteps, returns: false },
};

export function createAccount(protocol: ProtocolName, units: number): Account {
  const free: Range[] = [[0, shapes[protocol].places(units)]];
  return { protocol, units, spent: 0, reserved: 0, unsettled: 0, top: 0, free };
}

/** Units that may be claimed. */
export function freeUnits(account: Account): number {
  return Math.max(0, account.units - account.spent - account.reserved);
}

export function allocate(account: Account, units: number): Allocation {
  const { free, top, unsettled } = account;
  const shape = shapes[account.protocol];
  const width = shape.width(units);
  const range = units <= freeUnits(account) ? free.find(([from, to]) => to - from >= width) : undefined;
  if (!range) return unsettled > 0 && units <= freeUnits(account) + account.reserved ? 'wait' : 'none';
  const [from, to] = range;
  // With nothing in flight the vendor knows all that is known here: no leap is made and no hole added.
  if (unsettled > 0) {
    if (unsettled >= limits.inFlight || from - top > shape.leap) return 'wait';
    // Each unsettled claim but this one may leave one hole more while it has not arrived.
    const ranges = to - from === width ? free.length - 1 : free.length;
    if (ranges + unsettled > limits.gaps) return 'wait';
  }
  return { end: from + width };
}

/** Takes the places of a claim. Places that are not free, as of a claim that was journaled earlier, stay as they are. */
export function hold(account: Account, claim: Hold): Account {
  return {
    ...account,
    reserved: account.reserved + claim.units,
    unsettled: account.unsettled + 1,
    free: subtract(account.free, placesOf(account, claim)),
  };
}

/** The vendor keeps the lowest `kept` units of the claim; the rest is free again. */
export function settle(account: Account, claim: Hold, kept: number): Account {
  const { end, units } = claim;
  const free =
    shapes[account.protocol].returns && kept < units
      ? add(account.free, [end - units + kept, end])
      : account.free;
  return { ...closed(account, claim), spent: account.spent + kept, top: Math.max(account.top, end), free };
}

/**
 * How a claim ended that is not charged. `refused`: it was never accepted. `released`: accepted and given back.
 * `taken`: another claim holds what it wanted.
 */
export type Freed = 'refused' | 'released' | 'taken';

export function release(account: Account, claim: Hold, how: Freed): Account {
  const next = closed(account, claim);
  const places = placesOf(account, claim);
  const { returns } = shapes[account.protocol];
  switch (how) {
    case 'refused':
      return { ...next, free: add(account.free, places) };
    case 'released':
      return {
        ...next,
        top: Math.max(account.top, claim.end),
        free: returns ? add(account.free, places) : account.free,
      };
    case 'taken':
      return returns ? { ...next, spent: account.spent + claim.units } : next;
  }
}

/** The vendor's top is at least this. */
export function raiseTop(account: Account, top: number): Account {
  return top > account.top ? { ...account, top } : account;
}

/**
 * Takes over what the vendor says, as after a restore. What unsettled claims hold stays held; `stream` then counts their units
 * twice if the vendor has them too, until it is asked again with nothing in flight.
 */
export function adopt(account: Account, report: CardReport, unsettled: readonly Hold[]): Account {
  const shape = shapes[account.protocol];
  let free: readonly Range[] = report.gaps.reduce<readonly Range[]>(add, []);
  const last = shape.places(account.units);
  if (report.top < last) free = add(free, [report.top, last]);
  for (const claim of unsettled) free = subtract(free, placesOf(account, claim));
  const reserved = unsettled.reduce((sum, claim) => sum + claim.units, 0);
  const spent = shape.returns ? account.units - reserved - total(free) : report.spent;
  return { ...account, spent, reserved, unsettled: unsettled.length, top: report.top, free };
}

/** The lowest units that the vendor kept of a claim that is settled, as far as a report shows it. */
export function keptUnits(protocol: ProtocolName, claim: Hold, report: CardReport): number {
  if (!shapes[protocol].returns) return claim.units;
  return claim.units - total(intersect(report.gaps, [claim.end - claim.units, claim.end]));
}

/** Whether a report shows that the vendor holds nothing of a claim's places. */
export function holdsNothing(protocol: ProtocolName, claim: Hold, report: CardReport): boolean {
  const [from, to] = [claim.end - shapes[protocol].width(claim.units), claim.end];
  const below: Range = [from, Math.min(to, report.top)];
  return from >= report.top || total(intersect(report.gaps, below)) === below[1] - below[0];
}

function placesOf(account: Account, { end, units }: Hold): Range {
  return [end - shapes[account.protocol].width(units), end];
}

function closed(account: Account, { units }: Hold): Account {
  return { ...account, reserved: account.reserved - units, unsettled: account.unsettled - 1 };
}

function total(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0);
}

function intersect(ranges: readonly Range[], [from, to]: Range): Range[] {
  return ranges.map(([a, b]): Range => [Math.max(a, from), Math.min(b, to)]).filter(([a, b]) => a < b);
}

function subtract(ranges: readonly Range[], [from, to]: Range): Range[] {
  return ranges.flatMap(([a, b]): Range[] => {
    if (b <= from || to <= a) return [[a, b]];
    const left: Range[] = [];
    if (a < from) left.push([a, from]);
    if (to < b) left.push([to, b]);
    return left;
  });
}

/** Adds a range to ranges that do not overlap it, or do. */
function add(ranges: readonly Range[], [from, to]: Range): readonly Range[] {
  const apart = ranges.filter(([a, b]) => b < from || to < a);
  const touching = ranges.filter(([a, b]) => !(b < from || to < a));
  const merged: Range = [
    Math.min(from, ...touching.map(([a]) => a)),
    Math.max(to, ...touching.map(([, b]) => b)),
  ];
  return [...apart, merged].sort((a, b) => a[0] - b[0]);
}
