import { concat, fromUtf8 } from '../core/bytes.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { parseProblem, type Problem } from '../core/wire/problem.js';

/** Reads a body whole. @throws ImpulsError `too-large` beyond `maxBytes`; what the stream throws */
export async function readBytes(
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array> {
  if (!stream) return new Uint8Array(0);
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(...chunks);
    length += value.length;
    if (length > maxBytes) {
      // Not awaited: one branch of a cloned body is let go of only with the other.
      reader.cancel().catch(() => {});
      throw new ImpulsError('too-large', `a body of more than ${maxBytes} bytes`);
    }
    chunks.push(value);
  }
}

/** The problem document of an answer, if it is one; `torn` if its body broke off. Leaves the answer readable. */
export async function readProblem(response: Response): Promise<Problem | 'torn' | undefined> {
  const type = response.headers.get('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (response.status < 400 || type !== 'application/problem+json' || !response.body) return undefined;
  try {
    return parseProblem(fromUtf8(await readBytes(response.clone().body, limits.endpointBytes)));
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    if (error instanceof TypeError) return 'torn';
    throw error;
  }
}

/** Lets go of a body that nobody reads. */
export function discard(response: Response | undefined): void {
  response?.body?.cancel().catch(() => {});
}

/** What `Retry-After` asks for (RFC 9110 §10.2.3), in milliseconds; undefined without one in seconds. */
export function retryAfterMs(response: Response, atMost = 30_000): number | undefined {
  const value = response.headers.get('Retry-After');
  return value !== null && /^\d{1,9}$/.test(value) ? Math.min(atMost, Number(value) * 1000) : undefined;
}
