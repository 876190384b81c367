import { createChoices } from '../../src/testing/suite.js';

/** What goes wrong between a wallet and its vendor, by a seed. */

export type Fault =
  | 'none'
  /** The vendor never hears of it. */
  | 'lost request'
  /** The vendor gets half of it. */
  | 'torn request'
  /** The vendor is at work on it when the connection goes. */
  | 'lost client'
  /** The vendor has answered, and nobody hears of that. */
  | 'lost reply'
  | 'torn head'
  | 'torn body'
  /** The answer waits, so that others overtake it. */
  | 'late reply';

export interface Trouble {
  readonly fault: Fault;
  /** For `late reply` and `lost client`, in milliseconds. */
  readonly delayMs: number;
  /** The vendor gets the same bytes once more on a connection of their own, after so long. */
  readonly echoAfterMs?: number | undefined;
  /** How the wallet's connection is cut: by a reset, or in order. */
  readonly resets: boolean;
}

export interface Crossing {
  readonly method: string;
  readonly target: string;
  /** How often this very target came before. */
  readonly before: number;
}

export type Troubles = (crossing: Crossing) => Trouble;

export const allFaults: readonly Fault[] = [
  'none',
  'lost request',
  'torn request',
  'lost reply',
  'torn head',
  'torn body',
  'late reply',
  'lost client',
];
/** Those that tell most come more often. */
const faults: readonly Fault[] = [...allFaults.slice(1), 'lost reply', 'late reply'];
/** How often one target meets a fault, at most. */
const maxFaults = 8;

export const calm: Troubles = () => ({ fault: 'none', delayMs: 0, resets: false });

/** The same for the same target each time it comes, whatever else is on the way. @param percent how many meet a fault */
export function createTroubles(seed: number, percent: number): Troubles {
  return ({ method, target, before }) => {
    if (before >= maxFaults) return calm({ method, target, before });
    const choices = createChoices(hashText(`${seed} ${method} ${target} ${before}`));
    choices.below(1);
    return {
      fault: choices.below(100) < percent ? choices.pick(faults) : 'none',
      delayMs: 1 + choices.below(40),
      echoAfterMs: choices.below(100) < percent / 2 ? choices.below(60) : undefined,
      resets: choices.below(2) === 0,
    };
  };
}

/** FNV-1a. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
