// A stand-in for an API like OpenAI's: it repeats what it is told, word by word.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { json } from 'node:stream/consumers';

export async function startParrot() {
  const server = createServer((req, res) => {
    say(req, res).catch(() => res.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => server.close().closeAllConnections(),
  };
}

async function say(req, res) {
  const { messages, stream, stream_options: options, ...body } = await json(req);
  const heard = messages.at(-1).content.split(/\s+/);
  const most = Math.min(body.max_completion_tokens ?? body.max_tokens ?? 20, 2000);
  const words = Array.from({ length: most }, (_, i) => `${heard[i % heard.length]} `);
  const usage = {
    prompt_tokens: heard.length,
    completion_tokens: words.length,
    total_tokens: heard.length + words.length,
  };
  const base = { id: 'chatcmpl-parrot', created: Math.floor(Date.now() / 1000), model: 'parrot' };
  if (!stream) {
    const message = { role: 'assistant', content: words.join('') };
    const choices = [{ index: 0, message, finish_reason: 'length' }];
    res.writeHead(200, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify({ ...base, object: 'chat.completion', choices, usage }));
    return;
  }
  res.writeHead(200, { 'Content-Type': 'text/event-stream' });
  const send = (choices, more) =>
    res.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`);
  for (const content of words) {
    if (res.destroyed) return;
    if (!send([{ index: 0, delta: { content }, finish_reason: null }])) await once(res, 'drain');
  }
  send([{ index: 0, delta: {}, finish_reason: 'length' }]);
  if (options?.include_usage) send([], { usage });
  res.end('data: [DONE]\n\n');
}
