import type { Payment } from '../../server/index.js';
import { createReplyRecorder } from '../../server/reply-recorder.js';

const bodiless = [204, 205, 304];

/**
 * Keeps an answer for a repeat, beside what is sent: some adapters of mppx take its headers alone, and never read its body. One
 * without a body, which a body may still follow, is not kept.
 */
export function keepAside(payment: Payment, response: Response): ReadableStream<Uint8Array> | null {
  const { status } = response;
  const headers = [...response.headers].filter(([name]) => name !== 'set-cookie');
  if (!response.body) {
    payment.keep(bodiless.includes(status) ? { status, headers, body: new Uint8Array(0) } : undefined);
    return null;
  }
  const [kept, sent] = response.body.tee();
  const recorder = createReplyRecorder(
    (body) => payment.keep(body && { status, headers, body }),
    payment.maxReplyBytes,
  );
  const reader = kept.getReader();
  const record = async (): Promise<void> => {
    while (recorder.recording) {
      const { done, value } = await reader.read();
      if (done) recorder.end();
      else recorder.write(value);
    }
    await reader.cancel();
  };
  record().catch(() => recorder.abandon());
  return sent;
}
