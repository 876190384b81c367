import type { Call, Reply } from './call.js';
import { createGate, type GateContext } from './gate.js';
import { problemReply } from './problems.js';

/**
 * Where a wallet learns over HTTP what became of its claim for a tool, which is called over another protocol (docs/spec.md §11). A claim that never
 * arrived there is accepted here and released, so that it can do nothing any more.
 */
export function createToolDesk(context: GateContext): (call: Call) => Promise<Reply> {
  const gate = createGate(context, { price: 1, charge: 'capture', name: 'tools' });

  return async (call) => {
    if (call.method !== 'OPTIONS' && call.header('authorization') === undefined) {
      const reply = problemReply('not-found', 'A tool is called by its own protocol.');
      return { ...reply, headers: [...reply.headers, ...context.cors.headers(call)] };
    }
    const admission = await gate(call);
    if (admission.status === 'refused') return admission.reply;
    const { payment } = admission;
    if (admission.status === 'replayed') return { status: 204, headers: payment.settle(204), body: '' };
    try {
      return problemReply('claim-released', 'Nothing was done for it.', await payment.release());
    } catch (error) {
      return payment.failed(error);
    }
  };
}
