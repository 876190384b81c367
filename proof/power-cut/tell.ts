import { writeSync } from 'node:fs';

/** Tells what is known now, at once: from then on it must hold. In words without spaces. */
export function tell(...words: readonly (string | number)[]): void {
  writeSync(3, `${words.join(' ')}\n`);
}
