import { z } from 'zod';
import { isImpulsError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { parsePathPattern } from './paths.js';

/**
 * What a paying proxy is told: the one source of its types, of what is refused, and of the JSON schema that the package brings for
 * editors. Each `error` says what a member is, so that it reads after the name of the member.
 */

const maxSeconds = 86_400;
const maxBodyBytes = 64 << 20;
const token = /^[\w!#$%&'*+.^`|~-]+$/;

const text = (what: string, most = 200) => {
  const error = `is ${what}: text of 1 to ${most} characters`;
  return z.string({ error }).min(1, { error }).max(most, { error });
};

const seconds = (what: string) => {
  const error = `is a number of seconds, up to ${maxSeconds}`;
  return z.number({ error }).positive({ error }).max(maxSeconds, { error }).describe(what);
};

const upstream = z
  .string({ error: 'is an address such as "http://127.0.0.1:3000"' })
  .refine(isUpstream, {
    error: 'is an address such as "http://127.0.0.1:3000", without query, user or fragment',
  })
  .describe('Where requests go: http or https, host, port, and a path that is put before theirs.');

const path = z
  .string({ error: 'is a path such as "/v1/*"' })
  .superRefine((value, context) => {
    try {
      parsePathPattern(value);
    } catch (error) {
      if (!isImpulsError(error)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  })
  .describe(
    'Which paths: "/search"; "/articles/{id}", any one segment in the braces; "/v1/*", all that begin so. Case, a slash at the end and the query make no difference.',
  );

const methodError = 'is a method in capitals such as "POST", or a list of them';
const method = z
  .string({ error: methodError })
  .regex(/^(?!CONNECT$|TRACE$)[A-Z]{1,20}$/, { error: methodError });
const methods = z
  .union([method, z.array(method, { error: methodError }).min(1, { error: methodError })], {
    error: methodError,
  })
  .describe('Which methods; GET is HEAD, too. Default: all.');

const headerName = z.string().regex(token, { error: 'is the name of a header' });
const upstreamHeaders = z
  .record(
    headerName,
    z
      .string({ error: 'is the value of a header' })
      .regex(/^[\t\x20-\x7e]*$/, { error: 'is the value of a header: printable ASCII' }),
    { error: 'is an object of headers by their names' },
  )
  .describe(
    'Headers that the upstream gets in place of those of the caller, such as the key of its API. ${NAME} stands for a variable of the environment.',
  );

const timeouts = z
  .strictObject(
    {
      headSeconds: seconds('Until the upstream begins to answer; beyond, 504. Default 300.').optional(),
      idleSeconds: seconds('Between two pieces of an answer; beyond, it breaks off. Default 300.').optional(),
    },
    { error: 'is an object of times' },
  )
  .describe('How long the upstream is waited for.');

const bytesError = `is a whole number of bytes, up to ${maxBodyBytes}`;
const bodyBytes = z
  .int({ error: bytesError })
  .min(0, { error: bytesError })
  .max(maxBodyBytes, { error: bytesError })
  .describe(
    'The largest request body of a paid route: it is read whole, since a claim names its hash. Beyond: 413. Default 1048576. What is free streams, and has no limit.',
  );

export const unitsError = `is a whole number of units, from 0 to ${limits.maxUint32}`;
const units = z
  .int({ error: unitsError })
  .min(0, { error: unitsError })
  .max(limits.maxUint32, { error: unitsError });

const tokenPriceError = 'is a number of units for 1,000 tokens, up to 1000000';
const tokenPrice = (what: string) =>
  z
    .number({ error: tokenPriceError })
    .min(0, { error: tokenPriceError })
    .max(1e6, { error: tokenPriceError })
    .describe(what);
const countError = 'is a whole number, at least 1';
const count = z
  .int({ error: countError })
  .min(1, { error: countError })
  .max(limits.maxUint32, { error: countError });

const tokens = z
  .strictObject(
    {
      input: tokenPrice('Units for 1,000 tokens that are read; may be a fraction.'),
      output: tokenPrice('Units for 1,000 tokens that are written; may be a fraction.'),
      minimum: count.describe('The least that a request costs, in units. Default 1.').optional(),
      maxOutputTokens: count
        .describe('Tokens that a request may have written if it does not say how many. Default 1024.')
        .optional(),
    },
    { error: 'is an object: what tokens cost' },
  )
  .describe(
    'In place of a price, for chat completions as OpenAI has them: what they may come to is reserved, and what they used is kept. A client that tops up pays as the answer goes on.',
  );

export const routeSchema = z
  .strictObject(
    {
      path,
      method: methods.optional(),
      price: units.describe('Units for one request; 0 for free.').optional(),
      tokens: tokens.optional(),
      charge: z
        .enum(['price', 'capture'], { error: 'is "price" or "capture"' })
        .describe(
          'capture: the upstream says in the header Impuls-Units of its answer how many units it used, at least 1, and gets those; the rest of the claim is returned. Its request says in the same header how many there are at most. Default: price.',
        )
        .optional(),
      headers: z
        .array(headerName, { error: 'is a list of names of headers' })
        .max(limits.declaredHeaders, { error: `is a list of at most ${limits.declaredHeaders} names` })
        .describe('Request headers that change the answer: a claim is bound to their values. Default: none.')
        .optional(),
      seal: z
        .literal('required', { error: 'is "required", or left out' })
        .describe(
          'required: only clients that ask for a sealed answer are served. Default: as the client asks.',
        )
        .optional(),
      name: text('the class of the route in the books', 64)
        .describe('The class of the route in books, log and metrics. Default: the path.')
        .optional(),
      summary: text('what the route does')
        .describe('What it does, in one line, for lists of the API.')
        .optional(),
      maxBodyBytes: bodyBytes.optional(),
      upstream: upstream.optional(),
      upstreamHeaders: upstreamHeaders.optional(),
      timeouts: timeouts.optional(),
    },
    { error: 'is an object: a route' },
  )
  .describe('Requests, and their price.');

export const configSchema = z
  .strictObject(
    {
      $schema: z.string({ error: 'is the address of a JSON schema' }).describe('For editors.').optional(),
      upstream: upstream.optional(),
      routes: z
        .array(routeSchema, { error: 'is a list of routes' })
        .max(1000, { error: 'is a list of at most 1000 routes' })
        .describe('The price list. The first route that has method and path counts.'),
      default: z
        .union([z.enum(['free', 'refuse']), units.min(1).describe('Units for one request.')], {
          error: 'is "free", "refuse", or a number of units',
        })
        .describe('What is in no route: "free", "refuse" (404), or its price in units. Default: free.')
        .optional(),
      maxBodyBytes: bodyBytes.optional(),
      upstreamHeaders: upstreamHeaders.optional(),
      timeouts: timeouts.optional(),
      host: z
        .enum(['upstream', 'client'], { error: 'is "upstream" or "client"' })
        .describe(
          'The Host that the upstream sees: its own, or that of the caller. X-Forwarded-Host has the host of the vendor in any case. Default: upstream.',
        )
        .optional(),
      clientAddress: z
        .enum(['tell', 'hide'], { error: 'is "tell" or "hide"' })
        .describe('Whether X-Forwarded-For tells the upstream who calls. Default: tell.')
        .optional(),
      openapi: z
        .string({ error: 'is the path of a document, such as "/openapi.json"' })
        .regex(/^\/[^\s#]*$/, { error: 'is the path of a document, such as "/openapi.json"' })
        .describe(
          'Where the upstream has an OpenAPI 3 description of itself, in JSON: it is served with prices in it. Default: only what is in the routes is described.',
        )
        .optional(),
    },
    { error: 'is an object' },
  )
  .describe('The price list of `impuls vendor proxy`: what requests to an API cost.');

export type ProxyConfigFile = z.infer<typeof configSchema>;
export type ProxyRouteFile = z.infer<typeof routeSchema>;

/** The JSON schema for editors, as it stands in `schema/proxy.json`: `node tools/make-proxy-schema.mjs` puts it there. */
export function makeProxySchema(): object {
  return { title: 'impuls vendor proxy', ...z.toJSONSchema(configSchema, { io: 'input' }) };
}

function isUpstream(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return (
    /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === '' && !/[?#]$/.test(value)
  );
}
