import type { Target } from './target.js';
import { coreTargets } from './targets-core.js';
import { fileTargets } from './targets-files.js';
import { wireTargets } from './targets-wire.js';

/** Every reader of bytes that others choose. */
export const targets: readonly Target[] = [...wireTargets, ...coreTargets, ...fileTargets];

/** What a seed is in bytes. */
export function seedBytes(seed: Uint8Array | string): Uint8Array {
  return typeof seed === 'string' ? new TextEncoder().encode(seed) : seed;
}
