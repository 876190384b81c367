import type { SealOptions } from '../core/seal.js';
import type { Header } from './call.js';

export type Sealing = Pick<SealOptions, 'recordBytes' | 'flush'>;

/** Bytes of a record of what comes bit by bit: an event is seldom longer, and its padding is sent along. */
const flowing: Sealing = { flush: 'chunk', recordBytes: 1024 };

/** How an answer is sealed: one that comes bit by bit leaves so. @param headers of the payment */
export function sealingOf(contentType: string | null | undefined, headers: readonly Header[]): Sealing {
  const isMetered = headers.some(([name]) => name === 'Impuls-Meter');
  return isMetered || /^text\/event-stream\b/i.test(contentType ?? '') ? flowing : {};
}
