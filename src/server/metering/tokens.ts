import { concat, fromUtf8, utf8 } from '../../core/bytes.js';
import { EventReader, formatEvent, type StreamEvent } from '../../core/event-stream.js';
import { ImpulsError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { Call } from '../call.js';
import type { Route, RouteListing } from '../gate.js';
import type { Payment } from '../payment.js';
import type { Meter } from './meter.js';
import {
  boundCompletionRequest,
  countDelta,
  createTokenPricer,
  readCompletionRequest,
  readUsage,
  type CompletionRequest,
  type TokenPricer,
  type TokenPrices,
} from './token-prices.js';

/**
 * Chat completions as OpenAI has them, of any upstream, priced by tokens. A whole answer is captured for what its usage says. One that is
 * streamed to a client that tops up is metered token by token; to any other it is given when it is whole.
 */
export interface TokenMeter {
  /** For the gate: what a request costs at most, or to begin with where it is topped up. */
  readonly route: Pick<Route, 'price' | 'charge' | 'maxBodyBytes'>;
  /** For its listing: a request that has a price. */
  readonly operation: NonNullable<RouteListing['operation']>;
  /**
   * @param body of the request
   * @param topsUp whether the request has the header `Impuls-Meter`
   * @throws ImpulsError `malformed`
   */
  prepare(body: Uint8Array, topsUp: boolean): TokenCall;
}

/** One request, on its way to the upstream and back. */
export interface TokenCall {
  /** What the upstream gets in the place of the body. */
  readonly body: Uint8Array;
  /**
   * The answer as the client gets it; before its head is written, `payment` is charged or metered. An answer of 400 or above passes as it is, and
   * releases the payment.
   *
   * @throws ImpulsError `malformed`, `too-large` for an answer that is no completion: nothing is charged
   */
  respond(upstream: Response, payment: Payment): Promise<Response>;
}

const exampleRequest = { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 16 };
const operation = { requestBody: { content: { 'application/json': { example: exampleRequest } } } };

/** An answer that is read whole: bytes. */
const maxAnswerBytes = 8 << 20;

/** @throws ImpulsError `invalid-argument` for prices that are none */
export function createTokenMeter(prices: TokenPrices): TokenMeter {
  const pricer = createTokenPricer(prices);
  return {
    operation,
    route: {
      charge: 'capture',
      maxBodyBytes: limits.bodyBytes,
      async price(call: Call) {
        const request = readCompletionRequest(await call.body(limits.bodyBytes));
        const topsUp = call.header('impuls-meter') !== undefined;
        return topsUp && request.stream
          ? pricer.cost({ input: request.inputTokens.least, output: 0 })
          : pricer.reserve(request);
      },
    },
    prepare(body, topsUp) {
      const request = readCompletionRequest(body);
      return {
        body: boundCompletionRequest(body, prices),
        respond(upstream, payment) {
          if (upstream.status >= 400 || !upstream.body) return Promise.resolve(upstream);
          if (!request.stream) return captureAnswer(pricer, upstream, payment);
          return topsUp && payment.method === 'impuls'
            ? Promise.resolve(meterAnswer(pricer, request, upstream, payment))
            : captureStream(pricer, request, upstream, payment);
        },
      };
    },
  };
}

async function captureAnswer(pricer: TokenPricer, upstream: Response, payment: Payment): Promise<Response> {
  const body = await readAnswer(upstream);
  let usage;
  try {
    usage = readUsage(JSON.parse(fromUtf8(body)));
  } catch (cause) {
    throw new ImpulsError('malformed', 'the upstream did not answer with JSON', { cause });
  }
  // One that does not say what it used costs what was reserved.
  if (usage) await payment.capture(Math.min(payment.units, pricer.cost(usage)));
  return passOn(upstream, body);
}

/** The head tells what was charged, so that it has to wait for the end. */
async function captureStream(
  pricer: TokenPricer,
  request: CompletionRequest,
  upstream: Response,
  payment: Payment,
): Promise<Response> {
  const reader = new EventReader();
  const count = createCount(pricer, request);
  const kept: Uint8Array[] = [];
  for (const event of reader.push(await readAnswer(upstream))) {
    count.add(event);
    if (count.passes(event)) kept.push(formatEvent(event));
  }
  await payment.capture(Math.min(payment.units, count.units()));
  return passOn(upstream, concat(...kept));
}

function meterAnswer(
  pricer: TokenPricer,
  request: CompletionRequest,
  upstream: Response,
  payment: Payment,
): Response {
  const meter = payment.meter();
  const events = meteredChunks(meter, createCount(pricer, request), upstream.body!.getReader());
  return passOn(
    upstream,
    new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await events.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          // What is written for nobody is not paid.
          meter.end();
          await events.return(undefined);
        },
      },
      { highWaterMark: 0 },
    ),
  );
}

async function* meteredChunks(
  meter: Meter,
  count: Count,
  upstream: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new EventReader();
  // Another stream of the same meter may have used something before.
  const before = meter.used;
  try {
    for (;;) {
      const { done, value } = await upstream.read();
      if (done) return;
      for (const event of reader.push(value)) {
        count.add(event);
        if (!(await meter.reach(before + count.units()))) {
          yield* count.cutOff();
          return;
        }
        if (count.passes(event)) yield formatEvent(event);
      }
    }
  } finally {
    meter.end();
    await upstream.cancel().catch(() => {});
  }
}

/** What a stream has come to. */
interface Count {
  add(event: StreamEvent): void;
  units(): number;
  /** Whether the client asked for it. */
  passes(event: StreamEvent): boolean;
  /** The end of a stream that is not paid any further, in the words of the format: as one that is as long as it may be. */
  cutOff(): Uint8Array[];
}

function createCount(pricer: TokenPricer, { inputTokens, includeUsage }: CompletionRequest): Count {
  let [input, output] = [inputTokens.least, 0];
  let told = false;
  let last: Readonly<Record<string, unknown>> = {};
  const open = ({ data }: StreamEvent): Readonly<Record<string, unknown>> | undefined => {
    try {
      const value: unknown = data === '[DONE]' ? undefined : JSON.parse(data);
      return typeof value === 'object' && value !== null ? (value as typeof last) : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    add(event) {
      const chunk = open(event);
      if (!chunk) return;
      last = chunk;
      output += countDelta(chunk);
      const usage = readUsage(chunk);
      if (!usage) return;
      // Some tell it all along: what is told is what counts then.
      if (!told || usage.output >= output) ({ input, output } = usage);
      told = true;
    },
    units: () => pricer.cost({ input, output }),
    passes(event) {
      const chunk = open(event);
      const isUsageOnly =
        chunk?.['usage'] && Array.isArray(chunk['choices']) && chunk['choices'].length === 0;
      return includeUsage || !isUsageOnly;
    },
    cutOff() {
      const choices = [{ index: 0, delta: {}, finish_reason: 'length' }];
      const rest = Object.fromEntries(Object.entries(last).filter(([name]) => name !== 'usage'));
      return [formatEvent({ data: JSON.stringify({ ...rest, choices }) }), utf8('data: [DONE]\n\n')];
    },
  };
}

async function readAnswer(response: Response): Promise<Uint8Array> {
  const reader = response.body!.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(...chunks);
    length += value.length;
    if (length > maxAnswerBytes) {
      await reader.cancel();
      throw new ImpulsError('too-large', `the upstream answered with more than ${maxAnswerBytes} bytes`);
    }
    chunks.push(value);
  }
}

/** The same answer with another body; what spoke of the bytes of the old one is left out. */
function passOn(
  { status, statusText, headers }: Response,
  body: Uint8Array | ReadableStream<Uint8Array>,
): Response {
  const kept = new Headers(headers);
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding', 'content-md5', 'digest']) {
    kept.delete(name);
  }
  return new Response(body as BodyInit, { status, statusText, headers: kept });
}
