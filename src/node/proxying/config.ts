import type { z } from 'zod';
import type { TokenPrices } from '../../server/metering/index.js';
import { ImpulsError } from '../../core/errors.js';
import { configSchema, unitsError, type ProxyConfigFile, type ProxyRouteFile } from './config-schema.js';
import { locateJson, type JsonLines } from './json-lines.js';
import { coversPath, parsePathPattern, type PathPattern } from './paths.js';

/** A price list that holds, with all that it leaves open filled in. */
export interface ProxyConfig {
  readonly routes: readonly ProxyRoute[];
  /** What is in no route. Undefined: it is refused. */
  readonly rest: ProxyRoute | undefined;
  readonly host: 'upstream' | 'client';
  readonly clientAddress: 'tell' | 'hide';
  /** Path of the upstream's own OpenAPI document. */
  readonly openapi:
    { readonly upstream: URL; readonly path: string; readonly headers: HeaderList } | undefined;
}

export interface ProxyRoute {
  /** As written. */
  readonly path: string;
  readonly pattern: PathPattern;
  /** Undefined: all. */
  readonly methods: readonly string[] | undefined;
  /** Units; 0 for free. */
  readonly price: number;
  readonly charge: 'price' | 'capture';
  /** In place of the price, which is then the least. */
  readonly tokens: TokenPrices | undefined;
  readonly headers: readonly string[];
  readonly seal: 'required' | undefined;
  readonly name: string;
  readonly summary: string | undefined;
  readonly maxBodyBytes: number | undefined;
  readonly upstream: URL;
  /** May hold secrets. */
  readonly upstreamHeaders: HeaderList;
  readonly headMs: number;
  readonly idleMs: number;
}

export type HeaderList = ReadonlyArray<readonly [name: string, value: string]>;

/** What is wrong in a price list, and where. */
export interface ConfigProblem {
  /** From 1. */
  readonly line: number;
  /** `routes[2].price is a whole number of units, from 0 to 4294967295`. */
  readonly what: string;
}

export interface ConfigOptions {
  /** In place of the upstream in the file. */
  readonly upstream?: string | undefined;
  /** What `${NAME}` stands for. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const defaultSeconds = 300;
const maxFileBytes = 1 << 20;

/** @returns the price list, or all that is wrong with it */
export function readProxyConfig(
  text: string,
  { upstream, env = {} }: ConfigOptions = {},
): { readonly config: ProxyConfig } | { readonly problems: readonly ConfigProblem[] } {
  if (text.length > maxFileBytes) return { problems: [{ line: 1, what: 'it is longer than 1 MiB' }] };
  const lines = locateJson(text);
  if ('slip' in lines)
    return { problems: [{ line: lines.slip.line, what: `it is no JSON: ${lines.slip.what}` }] };
  const json: unknown = JSON.parse(text);
  const parsed = configSchema.safeParse(json);
  if (!parsed.success)
    return { problems: parsed.error.issues.flatMap((issue) => told(issue, json, lines)).sort(byLine) };
  const file = upstream === undefined ? parsed.data : { ...parsed.data, upstream };
  const problems: ConfigProblem[] = [];
  const report: Report = (path, what) =>
    problems.push({ line: lines.lineOf(path), what: `${nameOf(path)} ${what}` });
  const config = complete(file, env, report);
  return problems.length > 0 ? { problems: problems.sort(byLine) } : { config };
}

/** @throws ImpulsError `malformed` that names the line of the first mistake, and says how many there are */
export function parseProxyConfig(
  text: string,
  options: ConfigOptions & { readonly file?: string } = {},
): ProxyConfig {
  const read = readProxyConfig(text, options);
  if ('config' in read) return read.config;
  const { file = 'the price list' } = options;
  const [{ line, what }, ...more] = read.problems as [ConfigProblem, ...ConfigProblem[]];
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  throw new ImpulsError('malformed', `${file}:${line} ${what}${others}`, {
    hint: 'Mend it; `impuls vendor proxy --check` names all that is wrong.',
  });
}

type Path = ReadonlyArray<string | number>;
type Report = (path: Path, what: string) => void;

function told(issue: z.core.$ZodIssue, json: unknown, lines: JsonLines): ConfigProblem[] {
  const path = issue.path as Path;
  const at = (inner: Path, what: string): ConfigProblem => ({
    line: lines.lineOf(inner),
    what: `${nameOf(inner)} ${what}`,
  });
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(
      path[0] === 'routes' && path.length === 2 ? routeMembers() : configSchema.shape,
    );
    const names = path.at(-1) === 'timeouts' ? ['headSeconds', 'idleSeconds'] : known;
    return issue.keys.map((key) => at([...path, key], `is unknown; known are ${names.join(', ')}`));
  }
  // The members of a record are checked by their names: its issues say which is wrong.
  if (issue.code === 'invalid_key') return [at(path, issue.issues[0]?.message ?? issue.message)];
  const isMissing = path.length > 0 && valueAt(json, path) === undefined;
  return [at(path, isMissing ? `is missing; it ${issue.message}` : issue.message)];
}

function valueAt(json: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null
        ? (value as Record<string | number, unknown>)[part]
        : undefined,
    json,
  );
}

function routeMembers(): object {
  return configSchema.shape.routes.element.shape;
}

function nameOf(path: Path): string {
  const name = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
  return name === '' ? 'it' : name;
}

function byLine(a: ConfigProblem, b: ConfigProblem): number {
  return a.line - b.line;
}

function complete(
  file: ProxyConfigFile,
  env: NonNullable<ConfigOptions['env']>,
  report: Report,
): ProxyConfig {
  const shared = expand(file.upstreamHeaders, ['upstreamHeaders'], env, report);
  const routeOf = (route: ProxyRouteFile, at: Path): ProxyRoute => {
    const upstream = route.upstream ?? file.upstream;
    if (upstream === undefined) report(at, 'has no upstream: say one here, for all, or with --upstream');
    const own = expand(route.upstreamHeaders, [...at, 'upstreamHeaders'], env, report);
    const { headSeconds, idleSeconds } = { ...file.timeouts, ...route.timeouts };
    const { method, tokens } = route;
    if (route.price === undefined && !tokens) report([...at, 'price'], `is missing; it ${unitsError}`);
    for (const member of ['price', 'charge', 'seal'] as const) {
      if (tokens && route[member] !== undefined) report([...at, member], 'means nothing beside tokens');
    }
    const { minimum = 1, maxOutputTokens } = tokens ?? {};
    return {
      path: route.path,
      pattern: parsePathPattern(route.path),
      methods: typeof method === 'string' ? [method] : method,
      price: tokens ? minimum : (route.price ?? 0),
      tokens: tokens && {
        input: tokens.input,
        output: tokens.output,
        minimum,
        ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      },
      charge: route.charge ?? 'price',
      headers: route.headers ?? [],
      seal: route.seal,
      name: route.name ?? route.path.slice(0, 64),
      summary: route.summary,
      maxBodyBytes: route.maxBodyBytes ?? file.maxBodyBytes,
      upstream: new URL(upstream ?? 'http://upstream.invalid'),
      upstreamHeaders: [...shared.filter(([name]) => !own.some(([other]) => other === name)), ...own],
      headMs: (headSeconds ?? defaultSeconds) * 1000,
      idleMs: (idleSeconds ?? defaultSeconds) * 1000,
    };
  };
  const routes = file.routes.map((route, i) => routeOf(route, ['routes', i]));
  file.routes.forEach((route, i) => checkFree(route, ['routes', i], report));
  checkReach(routes, report);
  const { default: rest = 'free' } = file;
  const { upstream } = file;
  const fallback =
    rest === 'refuse' || (upstream === undefined && routes.length > 0)
      ? undefined
      : routeOf(
          { path: '/*', price: rest === 'free' ? 0 : rest },
          upstream === undefined ? ['upstream'] : ['default'],
        );
  if (upstream === undefined && file.openapi !== undefined) report(['openapi'], 'needs an upstream for all');
  return {
    routes,
    rest: fallback,
    host: file.host ?? 'upstream',
    clientAddress: file.clientAddress ?? 'tell',
    openapi:
      file.openapi === undefined || upstream === undefined
        ? undefined
        : { upstream: new URL(upstream), path: file.openapi, headers: shared },
  };
}

/** What a free route says of payments means nothing, so something else was meant. */
function checkFree(route: ProxyRouteFile, at: Path, report: Report): void {
  if (route.price !== 0) return;
  for (const member of ['charge', 'headers', 'seal', 'maxBodyBytes'] as const) {
    if (route[member] !== undefined) report([...at, member], 'means nothing where the price is 0');
  }
}

function checkReach(routes: readonly ProxyRoute[], report: Report): void {
  routes.forEach((route, i) => {
    const before = routes.findIndex(
      (other, j) =>
        j < i &&
        coversPath(other.pattern, route.pattern) &&
        (other.methods === undefined || route.methods?.every((method) => other.methods?.includes(method))),
    );
    if (before >= 0) {
      report(
        ['routes', i],
        `never counts: routes[${before}] before it has all of ${route.path}; put it before that one`,
      );
    }
  });
}

function expand(
  headers: Readonly<Record<string, string>> | undefined,
  at: Path,
  env: NonNullable<ConfigOptions['env']>,
  report: Report,
): HeaderList {
  return Object.entries(headers ?? {}).map(([name, value]) => {
    if (refused.has(name.toLowerCase())) report([...at, name], 'is set by the proxy itself');
    const filled = value.replace(/\$\{(\w+)\}/g, (_, variable: string) => {
      const found = env[variable];
      if (found === undefined || found === '')
        report([...at, name], `needs the variable ${variable} in the environment`);
      else if (!/^[\t\x20-\x7e]*$/.test(found))
        report([...at, name], `cannot carry what is in ${variable}: printable ASCII only`);
      return found ?? '';
    });
    return [name.toLowerCase(), filled] as const;
  });
}

const refused: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'impuls-units',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
