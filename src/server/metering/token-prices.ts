import { fromUtf8, utf8 } from '../../core/bytes.js';
import { ImpulsError, malformed } from '../../core/errors.js';
import { limits } from '../../core/limits.js';

/** What tokens cost, and what a request for a chat completion may come to: pure. */

export interface TokenPrices {
  /** Units for 1,000 tokens that are read; may be a fraction. */
  readonly input: number;
  /** Units for 1,000 tokens that are written; may be a fraction. */
  readonly output: number;
  /** The least that a call costs, in units. Default 1. */
  readonly minimum?: number;
  /** Tokens that a request may have written if it does not say how many. Default 1,024. */
  readonly maxOutputTokens?: number;
}

export interface TokenUsage {
  readonly input: number;
  readonly output: number;
}

export interface TokenPricer {
  /** Units for so many tokens, rounded up. */
  cost(usage: TokenUsage): number;
  /** Units that a request may come to at the most, as far as can be known before. */
  reserve(request: CompletionRequest): number;
}

/** What decides about the price of a request. */
export interface CompletionRequest {
  readonly stream: boolean;
  /** Tokens to read, about: what it will hardly exceed, and what it will hardly fall below. */
  readonly inputTokens: { readonly most: number; readonly least: number };
  /** Tokens to write at the most, for all choices together; undefined if it does not say. */
  readonly maxOutputTokens: number | undefined;
  /** Whether the caller asks for a last event with the usage. */
  readonly includeUsage: boolean;
  readonly choices: number;
}

/** @throws ImpulsError `invalid-argument` for prices that are none */
export function createTokenPricer(prices: TokenPrices): TokenPricer {
  const { input, output, minimum = 1, maxOutputTokens = defaultOutputTokens } = prices;
  const isPrice = (value: number): boolean => Number.isFinite(value) && value >= 0 && value <= 1e6;
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
  if (!isPrice(input) || !isPrice(output) || !isCount(minimum) || !isCount(maxOutputTokens)) {
    throw new ImpulsError('invalid-argument', 'prices of tokens are units for 1,000, and not negative', {
      hint: 'Write it as in { input: 0.5, output: 2 }.',
    });
  }
  const cost = (usage: TokenUsage): number => {
    const exact = (usage.input * input + usage.output * output) / 1000;
    // What is a whole number but for the last bits of a fraction stays that number.
    return Math.min(limits.maxUint32, Math.max(minimum, Math.ceil(exact - 1e-9)));
  };
  return {
    cost,
    reserve: (request) => {
      const most = request.maxOutputTokens ?? maxOutputTokens * request.choices;
      return cost({ input: request.inputTokens.most, output: most });
    },
  };
}

export const defaultOutputTokens = 1024;

/** Bytes that a token stands for, about. */
const bytesPerToken = { least: 3, most: 8 };
/** Tokens around each message. */
const tokensPerMessage = 4;

type Members = Readonly<Record<string, unknown>>;

/** @throws ImpulsError `malformed` for a body that is no request for a completion */
export function readCompletionRequest(body: Uint8Array): CompletionRequest {
  const json = readMembers(body);
  const { prompt, tools, stream_options: options } = json;
  const messages = Array.isArray(json['messages']) ? (json['messages'] as unknown[]) : undefined;
  if (!messages && prompt === undefined) throw malformed('the body has no messages');
  const read = utf8(JSON.stringify([messages ?? prompt, tools ?? []]));
  const choices = countOf(json['n'], 'n') ?? 1;
  const each = countOf(json['max_completion_tokens'] ?? json['max_tokens'], 'max_tokens');
  return {
    stream: json['stream'] === true,
    inputTokens: {
      most: Math.ceil(read.length / bytesPerToken.least) + tokensPerMessage * (messages?.length ?? 1),
      least: Math.floor(read.length / bytesPerToken.most),
    },
    maxOutputTokens: each === undefined ? undefined : each * choices,
    includeUsage: (options as Members | null | undefined)?.['include_usage'] === true,
    choices,
  };
}

/** The body for the upstream: it writes no more than what was reserved, and tells how much that was. */
export function boundCompletionRequest(body: Uint8Array, { maxOutputTokens }: TokenPrices): Uint8Array {
  const json = readMembers(body);
  const { stream, max_tokens: most, max_completion_tokens: mostCompletion } = json;
  return utf8(
    JSON.stringify({
      ...json,
      ...(most === undefined &&
        mostCompletion === undefined && { max_tokens: maxOutputTokens ?? defaultOutputTokens }),
      ...(stream === true && {
        stream_options: { ...(json['stream_options'] as Members | null), include_usage: true },
      }),
    }),
  );
}

/** @throws ImpulsError `malformed` */
function readMembers(body: Uint8Array): Members {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(body));
  } catch (cause) {
    throw malformed('the body is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed('the body is no object');
  return value as Members;
}

function countOf(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= 1e7) return value;
  throw malformed(`${name} is not a number of tokens`);
}

/** The usage that an answer tells, or an event of one. */
export function readUsage(answer: unknown): TokenUsage | undefined {
  const usage = (answer as { usage?: Members | null } | null)?.usage;
  if (typeof usage !== 'object' || usage === null) return undefined;
  const [input, output] = [usage['prompt_tokens'], usage['completion_tokens']].map((value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0,
  );
  return { input: input!, output: output! };
}

/** Tokens that an event of a stream brings, at the least: what is too little is made up for by the usage at the end. */
export function countDelta(event: unknown): number {
  const { choices } = event as { choices?: unknown };
  if (!Array.isArray(choices)) return 0;
  return choices.reduce<number>((sum, choice: { delta?: unknown; text?: unknown } | null) => {
    const length = lengthOfText(choice?.delta) + lengthOfText(choice?.text);
    return length === 0 ? sum : sum + Math.max(1, Math.floor(length / charactersPerToken));
  }, 0);
}

/** More than any but rare tokens have: an event of one token counts as one. */
const charactersPerToken = 12;

/** Of all that is written: content, reasoning, arguments of tools; `role` says who writes. */
function lengthOfText(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value)
    .filter(([name]) => !['role', 'id', 'type', 'index'].includes(name))
    .reduce((sum, [, member]) => sum + lengthOfText(member), 0);
}
