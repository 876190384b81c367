import type { Faults } from './faults.js';

/** What wallets pay for in a world. */

export interface Kind {
  readonly method: 'GET' | 'POST';
  /** Units that a claim asks for. */
  readonly price: number;
  readonly charge: 'price' | 'capture';
  /** How often it is chosen among the others. */
  readonly weight: number;
}

export const kinds = {
  one: { method: 'GET', price: 1, charge: 'price', weight: 8 },
  three: { method: 'GET', price: 3, charge: 'price', weight: 4 },
  /** Its handler takes some seconds. */
  late: { method: 'GET', price: 2, charge: 'price', weight: 1 },
  /** Charges what its query says. */
  metered: { method: 'GET', price: 9, charge: 'capture', weight: 2 },
  /** Fails if its query says so. */
  moody: { method: 'GET', price: 4, charge: 'price', weight: 2 },
  order: { method: 'POST', price: 2, charge: 'price', weight: 3 },
  /** Has an Idempotency-Key, and is made again as long as its outcome is not known. */
  keyed: { method: 'POST', price: 2, charge: 'price', weight: 1 },
} as const satisfies Readonly<Record<string, Kind>>;

export type KindName = keyof typeof kinds;

const lot = (Object.keys(kinds) as KindName[]).flatMap((name) =>
  Array<KindName>(kinds[name].weight).fill(name),
);

/** A request that somebody wants to make once. */
export interface Call {
  /** No other call has it. */
  readonly name: string;
  readonly kind: KindName;
  /** Path and query. */
  readonly target: string;
  /** Milliseconds before it is made. */
  readonly pause: number;
}

/** The n-th call of a wallet. */
export function drawCall(faults: Faults, wallet: string, n: number): Call {
  const name = `${wallet}.${n}`;
  const kind = lot[faults.draw(`kind ${name}`, lot.length)]!;
  const use = kind === 'metered' ? `&use=${1 + faults.draw(`use ${name}`, 9)}` : '';
  const fails = kind === 'moody' && faults.draw(`fails ${name}`, 2) === 0 ? '&fails=yes' : '';
  return {
    name,
    kind,
    target: `/${kind}?call=${name}${use}${fails}`,
    pause: faults.draw(`pause ${name}`, 20_000),
  };
}

export function nameOf(target: string): string | undefined {
  return /[?&]call=([^&]+)/.exec(target)?.[1];
}

export function kindOf(target: string): KindName | undefined {
  const name = target.slice(1).split('?', 1)[0]!;
  return Object.hasOwn(kinds, name) ? (name as KindName) : undefined;
}

export function fails(target: string): boolean {
  return target.includes('fails=yes');
}

/** Units that a metered answer uses. */
export function useOf(target: string): number {
  return Number(/use=(\d+)/.exec(target)?.[1] ?? 9);
}

/** What may be charged for a call: a claim that outlives its vendor keeps all that it holds. */
export function chargesOf(target: string): readonly number[] {
  const kind = kindOf(target)!;
  const { price } = kinds[kind];
  if (kind === 'metered') return [useOf(target), price];
  return fails(target) ? [0, price] : [price];
}

/** What a call is answered. @param run of the handler, for one that is not safe */
export function answerOf(target: string, run: number): string {
  if (fails(target)) return 'not today';
  return kinds[kindOf(target)!].method === 'POST' ? `done ${target} run ${run}` : `here is ${target}`;
}
