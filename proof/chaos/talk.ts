import { createInterface } from 'node:readline';
import { isImpulsError } from '../../src/core/errors.js';

/** The other end of a `Program`: it answers questions, and tells what happens. */

export type Answers = Readonly<Record<string, (detail: never) => unknown>>;

export function tell(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Answers what is asked, each when it is ready. Resolves when nobody asks any more. */
export async function answerQuestions(answers: Answers): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, ask, detail } = JSON.parse(line) as { id: number; ask: string; detail: unknown };
    void (async () => answers[ask]!(detail as never))().then(
      (value) => tell({ id, value: value ?? null }),
      (error: unknown) => tell({ id, error: reasonOf(error) }),
    );
  }
}

/** Of an error, in a few words. */
export function reasonOf(error: unknown): string {
  if (isImpulsError(error)) return error.code;
  return error instanceof TypeError ? 'fetch' : String(error);
}
