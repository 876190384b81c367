import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  CallToolResultSchema,
  type CallToolRequest,
  type CallToolResult,
} from '@modelcontextprotocol/sdk/types.js';
import { fromBase64url } from '../../core/base64url.js';
import { isImpulsError } from '../../core/errors.js';
import { isToolName, toolTarget } from '../../core/tool-url.js';
import {
  createPayingFetch,
  paymentOf,
  type KeyedPayment,
  type PayingFetchOptions,
} from '../../client/index.js';
import {
  argumentsText,
  challengeHeader,
  credentialKey,
  credentialOf,
  jsonHeader,
  receiptKey,
  sealedKey,
  stateKey,
  vendorKey,
} from './wire.js';

/** Calls of tools that are paid for with the cards of a wallet: once each, whatever is lost on the way. */

/** As for a paying fetch: what it may spend is required. */
export type PayingClientOptions = Pick<
  PayingFetchOptions,
  'wallet' | 'limits' | 'protocol' | 'seal' | 'retry' | 'session' | 'onPayment'
>;

type ToolParams = CallToolRequest['params'];

/** Calls tools, and pays where it is asked to. */
export interface PayingClient {
  /**
   * As `Client.callTool`. It rejects with an ImpulsError as a paying fetch does, or with the server's error if it is not one about a payment.
   *
   * A call that rejects with `unsettled`, and one that the process did not live to see the end of, is settled by `wallet.recover()`, over HTTP.
   */
  callTool(params: ToolParams, options?: RequestOptions): Promise<CallToolResult>;
}

/** One call, on its way through the paying fetch. */
interface Carried {
  readonly params: ToolParams;
  readonly options: RequestOptions | undefined;
  /** What the server said before anything was paid. */
  asked: Response | undefined;
}

interface CarriedInit extends RequestInit {
  readonly tool: Carried;
}

const payments = new WeakMap<CallToolResult, KeyedPayment>();
const errors = new WeakMap<Response, unknown>();

/** The payment that a result was given for; undefined for one that cost nothing. */
export function paymentOfResult(result: CallToolResult): KeyedPayment | undefined {
  return payments.get(result);
}

/**
 * @param client connected; or a function that gives one, asked each time something is sent, so that a claim is repeated on a new connection
 * @throws ImpulsError as `createPayingFetch`
 */
export function payingClient(
  client: Client | (() => Client | Promise<Client>),
  options: PayingClientOptions,
): PayingClient {
  const origins = new Map<string, string>();
  const pay = createPayingFetch({ ...options, carrier: (url, init) => carry(url, init as CarriedInit) });

  async function send(params: ToolParams, options: RequestOptions | undefined): Promise<CallToolResult> {
    const connected = typeof client === 'function' ? await client() : client;
    return connected.request({ method: 'tools/call', params }, CallToolResultSchema, options);
  }

  /** A request of the paying fetch as a call of the tool, and what it brings as a response. */
  async function carry(_: unknown, { tool, headers, signal }: CarriedInit): Promise<Response> {
    const { params, options } = tool;
    const authorization = new Headers(headers).get('Authorization');
    if (authorization === null && tool.asked) {
      const { asked } = tool;
      tool.asked = undefined;
      return asked;
    }
    const paying = authorization !== null && { [credentialKey]: credentialOf(authorization) };
    const sent = { ...params, _meta: { ...params._meta, ...paying } };
    try {
      return responseOf(await send(sent, { ...options, ...(signal && { signal }) }));
    } catch (error) {
      const response = refusalOf(error)?.response;
      if (!response) throw error;
      return response;
    }
  }

  return {
    async callTool(params, options) {
      let asked: Response | undefined;
      let origin = origins.get(params.name);
      if (origin === undefined) {
        try {
          return await send(params, options);
        } catch (error) {
          const refusal = refusalOf(error);
          if (refusal?.vendor === undefined || !isToolName(params.name)) throw error;
          origin = refusal.vendor;
          asked = refusal.response;
          if (origins.size >= maxTools) origins.clear();
          origins.set(params.name, origin);
        }
      }
      const init: CarriedInit = {
        method: 'POST',
        body: argumentsText(params.arguments),
        headers: { 'Content-Type': 'application/json' },
        ...(options?.signal && { signal: options.signal }),
        tool: { params, options, asked },
      };
      return resultOf(await pay(origin + toolTarget(params.name), init));
    },
  };
}

/** Tools whose vendor is remembered. */
const maxTools = 1000;

/** What an error of the server says about a payment; undefined for one that says nothing, or where nobody answered. */
function refusalOf(
  error: unknown,
): { readonly response: Response; readonly vendor: string | undefined } | undefined {
  const { data } = Object(error) as { readonly data?: unknown };
  const said = Object(data) as Readonly<Record<string, unknown>>;
  const {
    httpStatus: status,
    challenges,
    problem,
    retryAfter,
    [stateKey]: state,
    [vendorKey]: vendor,
  } = said;
  if (!Number.isInteger(status) || Number(status) < 400 || Number(status) > 599) return undefined;
  const headers = new Headers({ 'Content-Type': 'application/problem+json' });
  setIfAny(headers, 'WWW-Authenticate', challengeHeader(challenges));
  setIfAny(headers, 'Impuls-State', jsonHeader(state));
  setIfAny(headers, 'Retry-After', Number.isInteger(retryAfter) ? String(retryAfter) : '');
  const response = new Response(JSON.stringify(problem ?? {}), { status: Number(status), headers });
  errors.set(response, error);
  return { response, vendor: typeof vendor === 'string' && isOrigin(vendor) ? vendor : undefined };
}

/** A result as the paying fetch reads it. */
function responseOf(result: CallToolResult): Response {
  const { [receiptKey]: receipt, [stateKey]: state, [sealedKey]: sealed } = result._meta ?? {};
  const headers = new Headers({ 'Content-Type': 'application/json' });
  setIfAny(headers, 'Payment-Receipt', jsonHeader(receipt));
  setIfAny(headers, 'Impuls-State', jsonHeader(state));
  const status = result.isError ? 500 : 200;
  const bytes = typeof sealed === 'string' ? bytesOf(sealed) : undefined;
  if (!bytes) return new Response(JSON.stringify(result), { status, headers });
  headers.set('Content-Encoding', 'aes128gcm');
  return new Response(bytes as BodyInit, { status, headers });
}

/** What the paying fetch hands over, as a result. @throws the server's error */
async function resultOf(response: Response): Promise<CallToolResult> {
  const error = errors.get(response);
  if (error !== undefined) throw error as Error;
  const result = CallToolResultSchema.parse(JSON.parse(await response.text()));
  const payment = paymentOf(response);
  if (payment) payments.set(result, payment);
  return result;
}

function setIfAny(headers: Headers, name: string, value: string): void {
  if (value !== '') headers.set(name, value);
}

function bytesOf(text: string): Uint8Array | undefined {
  try {
    return fromBase64url(text);
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}

function isOrigin(text: string): boolean {
  try {
    return new URL(text).origin === text;
  } catch {
    return false;
  }
}
