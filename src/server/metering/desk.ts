import { limits } from '../../core/limits.js';
import { jsonReply, type Call, type Reply } from '../call.js';
import { createGate, type Gate, type GateContext } from '../gate.js';
import { cardOf } from '../payment.js';
import { problemReply } from '../problems.js';
import type { Meters } from './meters.js';

/**
 * Answers `POST <endpoints.meter>/<id>?units=N`, a claim that is put to a meter: when it is used up or the meter is over, captured for what
 * was used. `GET <endpoints.meter>/<id>` says how a meter stands, and `DELETE` ends it: only its client knows the id.
 */
export function createMeterDesk(context: GateContext, meters: Meters): (call: Call) => Promise<Reply> {
  /** By the class of the route that a meter was opened on: there its units are booked. */
  const gates = new Map<string, Gate>();

  function gateOf(name: string): Gate {
    let gate = gates.get(name);
    if (!gate) {
      const price = ({ target }: Call): number => readTarget(target)!.units!;
      gate = createGate(context, { price, charge: 'capture', maxBodyBytes: 0, name });
      gates.set(name, gate);
    }
    return gate;
  }

  return async (call) => {
    const refuse = (...problem: Parameters<typeof problemReply>): Reply => {
      const reply = problemReply(...problem);
      return { ...reply, headers: [...reply.headers, ...context.cors.headers(call)] };
    };
    const target = readTarget(call.target);
    if (!target) return refuse('malformed', 'The path names no meter, or the query is not "units=<number>".');
    const { id, units } = target;
    if (call.method === 'GET' && units === undefined) {
      const state = meters.stateOf(id);
      return state ? jsonReply(200, JSON.stringify(state), context.cors.headers(call)) : refuse(...noMeter);
    }
    if (call.method === 'DELETE' && units === undefined) {
      meters.leave(id);
      return { status: 204, headers: [...context.cors.headers(call)], body: '' };
    }
    if (call.method !== 'POST') {
      return refuse('method-not-allowed', 'GET, POST or DELETE.', [['Allow', 'GET, POST, DELETE']]);
    }
    if (units === undefined) return refuse('malformed', 'The query is not "units=<number>".');

    const admission = await gateOf(meters.routeOf(id) ?? 'meter')(call);
    if (admission.status === 'refused') return admission.reply;
    const { payment } = admission;
    if (admission.status === 'replayed') {
      return { status: admission.reply.status, headers: payment.settle(admission.reply.status), body: '' };
    }
    const { used, open } = await meters.deposit(id, cardOf(payment), payment.units);
    if (used === 0) {
      const [code, detail] = open ? notYet : noMeter;
      return payment.release().then(
        (headers) => problemReply(code, detail, headers),
        (error: unknown) => payment.failed(error),
      );
    }
    try {
      await payment.capture(used);
    } catch (error) {
      // What was used was delivered: the claim stays as it is, and the client sends it again.
      return payment.failed(error);
    }
    const headers = payment.settle(204);
    payment.keep({ status: 204, headers: [], body: new Uint8Array(0) });
    return { status: 204, headers, body: '' };
  };
}

const noMeter = [
  'meter-ended',
  'There is no such meter of this card, any more. Nothing was charged.',
] as const;
const notYet = ['meter-waiting', 'The meter runs, and used nothing of it. Nothing was charged.'] as const;

/** The last segment of the path, and what the query says; undefined for anything else. */
function readTarget(target: string): { readonly id: string; readonly units: number | undefined } | undefined {
  const [, id, query, digits] = /\/([A-Za-z0-9_-]{22})(\?units=([1-9]\d{0,9}))?$/.exec(target) ?? [];
  if (id === undefined) return undefined;
  if (query === undefined) return { id, units: undefined };
  const units = Number(digits);
  return units <= limits.maxUint32 ? { id, units } : undefined;
}
