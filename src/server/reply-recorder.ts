import { concat } from '../core/bytes.js';
import { limits } from '../core/limits.js';

/** Collects the body of an answer that is to be kept. */
export interface ReplyRecorder {
  readonly recording: boolean;
  write(chunk: Uint8Array): void;
  /** The answer is whole. */
  end(): void;
  /** It broke off. */
  abandon(): void;
}

/**
 * @param done called once: with the whole body, or with undefined if it was too long or broke off
 * @param maxBytes of the body
 */
export function createReplyRecorder(
  done: (body: Uint8Array | undefined) => void,
  maxBytes: number = limits.replyBytes,
): ReplyRecorder {
  let chunks: Uint8Array[] = [];
  let length = 0;
  let recording = true;

  function finish(body: Uint8Array | undefined): void {
    if (!recording) return;
    recording = false;
    chunks = [];
    done(body);
  }

  return {
    get recording() {
      return recording;
    },
    write(chunk) {
      if (!recording) return;
      length += chunk.length;
      if (length > maxBytes) finish(undefined);
      else chunks.push(chunk.slice());
    },
    end: () => finish(concat(...chunks)),
    abandon: () => finish(undefined),
  };
}
