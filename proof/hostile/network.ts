import type { Reply } from '../../src/server/index.js';
import type { Faults } from './faults.js';
import { never, type Life } from './life.js';
import type { Scheduler } from './scheduler.js';
import { networkError, type Message, type VendorActor } from './vendor.js';

/** The way between a wallet and the vendor, which loses, doubles, delays, forges and tears what goes by it. */

export interface NetworkContext {
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly vendor: VendorActor;
}

export interface Way {
  /**
   * Sends a request.
   *
   * @param place its name, for faults
   * @param heard hears of an answer of the vendor's when it arrives
   * @throws TypeError where no answer comes, as fetch does
   */
  send(life: Life, place: string, message: Message, heard: (reply: Reply) => void): Promise<Response>;
  /** Cuts it for a while. */
  cut(milliseconds: number): void;
}

const minute = 60_000;

export function createWay({ scheduler, faults, vendor }: NetworkContext): Way {
  let cutUntil = 0;

  /** What nobody waits for any more. */
  function deliverAgain(message: Message, milliseconds: number): void {
    scheduler.after(milliseconds, () => {
      vendor.handle(
        message,
        () => {},
        () => {},
      );
    });
  }

  function lateness(place: string): number {
    const usual = 4 + faults.draw(`way ${place}`, 40);
    return faults.strikes('message delayed', place) ? usual + faults.draw(`late ${place}`, minute) : usual;
  }

  return {
    cut(milliseconds) {
      cutUntil = Math.max(cutUntil, scheduler.now + milliseconds);
    },

    async send(life, place, message, heard) {
      if (!life.alive) return never();
      if (faults.strikes('wallet killed', `before ${place}`)) {
        life.end();
        return never();
      }
      const patience = 1000 + faults.draw(`patience ${place}`, 30_000);
      const fail = async (milliseconds: number): Promise<never> => {
        await life.sleep(milliseconds);
        throw networkError();
      };
      if (scheduler.now < cutUntil || faults.strikes('request lost', place)) return fail(patience);
      if (message.tag && faults.strikes('answer forged', place))
        return life.step(30, () => forge(faults, place));
      if (faults.strikes('request doubled', place))
        deliverAgain(message, faults.draw(`again ${place}`, 3000));
      if (faults.strikes('request doubled late', place)) {
        deliverAgain(message, minute + faults.draw(`much later ${place}`, 40 * minute));
      }
      const reply = await new Promise<Reply | undefined>((resolve) => {
        scheduler.after(lateness(`to ${place}`), () => {
          vendor.handle(message, resolve, () => {
            resolve(undefined);
          });
        });
      });
      if (!reply) return fail(5);
      if (scheduler.now < cutUntil || faults.strikes('reply lost', place)) return fail(patience);
      return life.step(lateness(`from ${place}`), () => {
        heard(reply);
        if (faults.strikes('wallet killed', `after ${place}`)) life.end();
        return responseOf(reply, faults.strikes('reply torn', place));
      });
    },
  };
}

function responseOf({ status, headers, body }: Reply, isTorn: boolean): Response {
  const given = headers.map(([name, value]): [string, string] => [name, value]);
  const torn = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      pull(controller) {
        controller.error(new TypeError('terminated'));
      },
    });
  const content = status === 204 ? null : isTorn ? torn() : (body as BodyInit);
  return new Response(content, { status, headers: given });
}

/** An answer of somebody else, who has no keys. */
function forge(faults: Faults, place: string): Response {
  const status = [200, 402, 403, 409, 500, 502, 503][faults.draw(`forged ${place}`, 7)]!;
  const headers: Record<string, string> =
    faults.draw(`liar ${place}`, 2) === 0 ? {} : { 'Content-Type': 'application/problem+json' };
  const type = faults.draw(`type ${place}`, 2) === 0 ? 'already-done' : 'claim-released';
  const body = JSON.stringify({ type: `urn:impuls:problem:${type}`, title: 'No', status });
  return new Response(body, { status, headers });
}
