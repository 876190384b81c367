import type { BaseToolCallback, McpServer, RegisteredTool } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { AnySchema, ZodRawShapeCompat } from '@modelcontextprotocol/sdk/server/zod-compat.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  CallToolRequestSchema,
  ErrorCode,
  McpError,
  type CallToolRequest,
  type CallToolResult,
  type ServerNotification,
  type ServerRequest,
  type ToolAnnotations,
} from '@modelcontextprotocol/sdk/types.js';
import { toBase64url } from '../../core/base64url.js';
import { concat, fromUtf8, utf8 } from '../../core/bytes.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { sealBody } from '../../core/seal.js';
import { toolTarget } from '../../core/tool-url.js';
import type { Call, Gate, Header, Payment, Reply, Route, Vendor } from '../../server/index.js';
import {
  argumentsText,
  authorizationOf,
  challengesOf,
  credentialKey,
  errorCodes,
  headerJson,
  receiptKey,
  sealedKey,
  stateKey,
  unitsKey,
  vendorKey,
  type JsonObject,
} from './wire.js';

/** Tools of an MCP server that are paid for: a call of a tool is a call at the gate, like any other. */

/** A call of a tool, as a price sees it. */
export interface ToolCall extends Call {
  readonly tool: string;
  /** As they were sent: not validated yet. */
  readonly arguments: JsonObject;
}

/** What a tool costs: units, a function of the call, or the whole route. */
export type PricedTool = ToolRoute['price'] | ToolRoute;

export interface ToolRoute extends Pick<Route, 'charge' | 'seal' | 'maxBodyBytes' | 'name'> {
  /** Units, at least 1; or a function of the call. */
  readonly price: number | ((call: ToolCall) => number | Promise<number>);
}

/** What a handler gets beside the arguments. */
export interface PaidExtra extends RequestHandlerExtra<ServerRequest, ServerNotification> {
  readonly payment: Payment;
}

/** As `McpServer.registerTool` takes it. */
export interface ToolConfig<Input extends undefined | ZodRawShapeCompat | AnySchema, Output> {
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema?: Input;
  readonly outputSchema?: Output;
  readonly annotations?: ToolAnnotations;
  readonly _meta?: Record<string, unknown>;
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;
type CallHandler = (request: CallToolRequest, extra: Extra) => Promise<CallToolResult>;

interface PaidTool {
  readonly gate: Gate;
  readonly origin: string;
}

const toolsOf = new WeakMap<McpServer, Map<string, PaidTool>>();

/**
 * `server.registerTool`, and the calls cost something. A result with `isError`, or a throw, returns the units; so do arguments and results that do not
 * fit their schemas. A call that is repeated with the same claim gets the result that the first one had.
 *
 * The vendor's own paths are served over HTTP, at its origin: there wallets get cards, and learn what became of a call whose answer was lost.
 *
 * @param name 1 to 128 letters, digits, "_", "-" and "."
 * @throws ImpulsError `malformed` for another name; `unsupported` for an SDK that keeps its handlers elsewhere
 */
export function paidTool<
  Output extends ZodRawShapeCompat | AnySchema,
  Input extends undefined | ZodRawShapeCompat | AnySchema = undefined,
>(
  server: McpServer,
  vendor: Vendor,
  name: string,
  config: ToolConfig<Input, Output>,
  priced: PricedTool,
  handler: BaseToolCallback<CallToolResult, PaidExtra, Input>,
): RegisteredTool {
  const { price, ...route } = typeof priced === 'object' ? priced : { price: priced };
  const target = toolTarget(name);
  const gate = vendor.gate({
    name: target.slice(1, 65),
    ...route,
    // Only calls that are made below come to this gate.
    price: typeof price === 'number' ? price : (call) => price(call as ToolCall),
  });
  const { origin } = vendor.document;
  const listed = {
    ...config._meta,
    [vendorKey]: origin,
    [unitsKey]: typeof price === 'number' ? price : null,
  };
  const tool = server.registerTool<Output, Input>(
    name,
    { ...config, _meta: listed },
    handler as Parameters<typeof server.registerTool<Output, Input>>[2],
  );
  let tools = toolsOf.get(server);
  if (!tools) {
    tools = new Map<string, PaidTool>();
    guard(server, tools);
    toolsOf.set(server, tools);
  }
  tools.set(name, { gate, origin });
  return tool;
}

/** Puts the gates before the SDK's own handler of calls, so that a claim covers what was sent, and all that the SDK refuses is not charged. */
function guard({ server }: McpServer, paid: ReadonlyMap<string, PaidTool>): void {
  const { _requestHandlers: handlers } = server as unknown as {
    readonly _requestHandlers?: ReadonlyMap<string, CallHandler>;
  };
  const inner = handlers?.get('tools/call');
  if (!inner) {
    throw new ImpulsError(
      'unsupported',
      'this version of @modelcontextprotocol/sdk keeps its handlers elsewhere',
      { hint: 'Install version 1.32 of it, or a newer impuls.' },
    );
  }
  server.setRequestHandler(CallToolRequestSchema, (request, extra) => {
    const tool = paid.get(request.params.name);
    return tool ? callPaid(tool, request, extra, inner) : inner(request, extra);
  });
}

async function callPaid(
  { gate, origin }: PaidTool,
  request: CallToolRequest,
  extra: Extra,
  inner: CallHandler,
): Promise<CallToolResult> {
  const { params } = request;
  if (params.task)
    throw new McpError(ErrorCode.InvalidParams, 'a tool that is paid for is called without a task');
  const admission = await gate(callOf(request));
  if (admission.status === 'refused') throw refusal(admission.reply, origin);
  const { payment } = admission;
  const challengeId = challengeIdOf(params._meta?.[credentialKey]);
  if (admission.status === 'replayed') {
    const result = JSON.parse(fromUtf8(admission.reply.body)) as CallToolResult;
    return withReceipt(result, payment, payment.settle(200), challengeId);
  }
  let result: CallToolResult;
  try {
    result = await inner(request, { ...extra, payment } as Extra);
  } catch (error) {
    await payment.release();
    throw error;
  }
  if (result.isError) {
    const headers = await payment.release().catch((error: unknown) => {
      throw refusal(payment.failed(error), origin);
    });
    return withMeta(result, { [stateKey]: headerJson(valueOf(headers, 'Impuls-State')!) });
  }
  const headers = payment.settle(200);
  if (payment.keepsReply) {
    const body = utf8(JSON.stringify(result));
    payment.keep(body.length <= limits.replyBytes ? { status: 200, headers: [], body } : undefined);
  }
  return withReceipt(result, payment, headers, challengeId);
}

function callOf({ params }: CallToolRequest): ToolCall {
  let body: Uint8Array;
  try {
    body = utf8(argumentsText(params.arguments));
  } catch (error) {
    throw new McpError(
      ErrorCode.InvalidParams,
      isImpulsError(error) ? error.message : 'the arguments are no JSON',
    );
  }
  const credential = params._meta?.[credentialKey];
  const authorization = credential === undefined ? undefined : authorizationOf(credential);
  return {
    method: 'POST',
    target: toolTarget(params.name),
    header: (name) => (name === 'authorization' ? authorization : undefined),
    async body(limit) {
      if (body.length <= limit) return body;
      throw new ImpulsError('too-large', `the arguments are longer than ${limit} bytes`);
    },
    tool: params.name,
    arguments: (params.arguments ?? {}) as JsonObject,
  };
}

/** What the gate answered, as an error. */
function refusal({ status, headers, body }: Reply, origin: string): McpError {
  const problem = JSON.parse(typeof body === 'string' ? body : fromUtf8(body)) as JsonObject;
  const asked = headers.filter(([name]) => name === 'WWW-Authenticate').map(([, value]) => value);
  const state = valueOf(headers, 'Impuls-State');
  const wait = valueOf(headers, 'Retry-After');
  const isNew = problem['type'] === 'https://paymentauth.org/problems/payment-required';
  return new McpError(
    isNew ? errorCodes.paymentRequired : errorCodes.paymentRefused,
    [problem['title'], problem['detail']].filter((text) => typeof text === 'string').join(': '),
    {
      httpStatus: status,
      ...(asked.length > 0 && { challenges: challengesOf(asked.join(', ')) }),
      problem,
      [vendorKey]: origin,
      ...(state !== undefined && { [stateKey]: headerJson(state) }),
      ...(wait !== undefined && { retryAfter: Number(wait) }),
    },
  );
}

async function withReceipt(
  result: CallToolResult,
  payment: Payment,
  headers: readonly Header[],
  challengeId: string,
): Promise<CallToolResult> {
  const receipt = headerJson(valueOf(headers, 'Payment-Receipt')!);
  const sealed = payment.sealKey && (await seal(payment.sealKey, result));
  return withMeta(sealed ?? result, { [receiptKey]: { ...receipt, challengeId } });
}

/** A result that only the payer opens. */
async function seal(key: Uint8Array, result: CallToolResult): Promise<CallToolResult> {
  async function* whole(): AsyncGenerator<Uint8Array, void, undefined> {
    yield utf8(JSON.stringify(result));
  }
  const records: Uint8Array[] = [];
  const salt = crypto.getRandomValues(new Uint8Array(16));
  for await (const record of sealBody(key, whole(), { salt })) records.push(record);
  return { content: [], _meta: { [sealedKey]: toBase64url(concat(...records)) } };
}

function withMeta(result: CallToolResult, meta: Readonly<Record<string, unknown>>): CallToolResult {
  return { ...result, _meta: { ...result._meta, ...meta } };
}

function challengeIdOf(credential: unknown): string {
  const { challenge } = Object(credential) as { readonly challenge?: { readonly id?: unknown } };
  return typeof challenge?.id === 'string' ? challenge.id : '';
}

function valueOf(headers: readonly Header[], wanted: string): string | undefined {
  return headers.find(([name]) => name === wanted)?.[1];
}
