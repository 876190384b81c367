import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A small upstream that answers as OpenAI does: it says `word` as often as it may, in a stream or at once. */
export interface Completions {
  readonly origin: string;
  /** What it was asked, body by body. */
  readonly asked: Record<string, unknown>[];
  /** Words that were sent, over all answers. */
  readonly sent: number;
  /** Waits before each word. */
  pace: () => Promise<void>;
  close(): Promise<void>;
}

export interface CompletionsOptions {
  /** Words that it has to say. Default 20. */
  readonly words?: number;
  /** Tokens that it says it read. Default 10. */
  readonly promptTokens?: number;
  /** What it answers if it fails. */
  readonly status?: number;
}

export async function startCompletions({
  words = 20,
  promptTokens = 10,
  status = 200,
}: CompletionsOptions = {}): Promise<Completions> {
  const asked: Record<string, unknown>[] = [];
  let sent = 0;
  const state = { pace: async () => {} };
  const server = createServer((req, res) => {
    void (async () => {
      const body = (await json(req)) as Record<string, unknown>;
      asked.push(body);
      if (status !== 200) {
        res
          .writeHead(status, { 'Content-Type': 'application/json' })
          .end('{"error":{"message":"overloaded"}}');
        return;
      }
      const most = Number(body['max_tokens'] ?? body['max_completion_tokens'] ?? words);
      const said = Math.min(words, most);
      const usage = {
        prompt_tokens: promptTokens,
        completion_tokens: said,
        total_tokens: promptTokens + said,
      };
      const base = { id: 'chatcmpl-1', created: 1, model: 'parrot' };
      const finish_reason = said < words ? 'length' : 'stop';
      if (body['stream'] !== true) {
        sent += said;
        const message = { role: 'assistant', content: 'word '.repeat(said) };
        res.writeHead(200, { 'Content-Type': 'application/json' }).end(
          JSON.stringify({
            ...base,
            object: 'chat.completion',
            choices: [{ index: 0, message, finish_reason }],
            usage,
          }),
        );
        return;
      }
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const say = (choices: unknown[], more = {}): boolean =>
        res.write(
          `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`,
        );
      for (let word = 0; word < said; word++) {
        await state.pace();
        if (res.destroyed) return;
        sent++;
        say([{ index: 0, delta: { content: 'word ' }, finish_reason: null }]);
      }
      say([{ index: 0, delta: {}, finish_reason }]);
      const options = body['stream_options'] as { include_usage?: boolean } | undefined;
      if (options?.include_usage) say([], { usage });
      res.end('data: [DONE]\n\n');
    })().catch(() => res.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    get sent() {
      return sent;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
