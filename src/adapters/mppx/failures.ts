import { limits } from '../../core/limits.js';
import { parseProblem } from '../../core/wire/index.js';
import type { Payment } from '../../server/index.js';
import type { Reply } from '../../server/call.js';
import { responseOf } from '../../server/fetch.js';
import { createReplyRecorder } from '../../server/reply-recorder.js';

/**
 * Answers of 400 and above. mppx wants an answer at once, and so it cannot prove that the units are back: a wallet sends its claim again
 * to hear that, and then gets the answer itself.
 */
export interface Failures {
  /** Returns the units. @param header the credential @returns what is sent: it says nothing of the payment */
  release(header: string, payment: Payment, response: Response): Response;
  /** The answer to a credential whose units are back, with the proof of it. */
  recall(header: string, reply: Reply): Response | undefined;
}

/** Answers kept; the oldest makes room. */
const maxKept = 256;

export function createFailures(): Failures {
  const kept = new Map<string, Reply>();

  async function keep(header: string, response: Response): Promise<void> {
    const headers = [...response.headers].filter(([name]) => name !== 'set-cookie');
    const put = (body: Uint8Array | undefined): void => {
      if (!body) return;
      kept.set(header, { status: response.status, headers, body });
      if (kept.size > maxKept) kept.delete(kept.keys().next().value!);
    };
    const recorder = createReplyRecorder(put);
    for await (const chunk of response.body ?? []) {
      recorder.write(chunk);
      if (!recorder.recording) return;
    }
    recorder.end();
  }

  return {
    release(header, payment, response) {
      const length = Number(response.headers.get('content-length') ?? 0);
      const isShort = length <= limits.replyBytes;
      if (isShort) keep(header, response.clone()).catch(() => {});
      payment.release().catch((error: unknown) => payment.failed(error));
      return response;
    },

    recall(header, reply) {
      const failure = kept.get(header);
      if (!failure || typeof reply.body !== 'string') return undefined;
      if (parseProblem(reply.body).code !== 'claim-released') return undefined;
      const proof = reply.headers.filter(([name]) => name === 'Impuls-State' || name.startsWith('Access-'));
      return responseOf({ ...failure, headers: [...failure.headers, ...proof] }, 'GET');
    },
  };
}
