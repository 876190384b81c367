import type { Gate } from '../server/index.js';

/**
 * Has the calls that arrive in one turn of the event loop go through a gate together, after the last of them: a step is done for all of
 * them before the next step, with its code and data near the processor.
 */
export function gather(gate: Gate): Gate {
  let turn: Promise<void> | undefined;
  const nextTurn = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(() => {
        turn = undefined;
        resolve();
      });
    });
  return (call) => (turn ??= nextTurn()).then(() => gate(call));
}
