import { deriveSealKey } from '../core/claim.js';
import { openSealedBody } from '../core/seal.js';

/**
 * The answer with its body opened as it is read, if it is sealed. One that the claim asked to be sealed is, whatever its
 * headers say: who ends TLS on the way could put another in its place.
 *
 * @param key K, the payment key
 */
export function openReply(response: Response, key: Uint8Array, asked: 'aes128gcm' | undefined): Response {
  const { body } = response;
  const said = response.headers.get('Content-Encoding')?.trim().toLowerCase();
  if (!body || (said !== 'aes128gcm' && !(asked && response.ok))) return response;
  const contents = openSealedBody(deriveSealKey(key), chunksOf(body));
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await contents.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await contents.return(undefined);
    },
  });
  const headers = new Headers(response.headers);
  headers.delete('Content-Encoding');
  headers.delete('Content-Length');
  const { status, statusText, url } = response;
  const opened = new Response(stream as BodyInit, { status, statusText, headers });
  Object.defineProperty(opened, 'url', { value: url });
  return opened;
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
