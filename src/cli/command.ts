import { parseArgs } from 'node:util';
import { ImpulsError } from '../core/errors.js';
import { formatDay } from './amounts.js';
import { nearest } from './suggest.js';
import type { Input, Terminal } from './terminal.js';

/** One option of a command. */
export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** May be given several times. */
  readonly multiple?: boolean;
  /** How help names the value: `<units>`. */
  readonly value?: string;
  readonly help: string;
}

export type Options = Readonly<Record<string, Option>>;

export type Values<T extends Options> = {
  readonly [N in keyof T]?: T[N] extends { readonly type: 'boolean' }
    ? boolean
    : T[N] extends { readonly multiple: true }
      ? readonly string[]
      : string;
};

/** What every command is given. */
export interface Context {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Input;
}

export interface Call<T extends Options> extends Context {
  readonly values: Values<T & typeof common>;
  readonly positionals: readonly string[];
}

interface Description {
  /** `cards`, `vendor init`. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What follows the name: `<url> [options]`. */
  readonly usage: string;
  readonly options: Options;
  /** Paragraphs for `impuls help <name>`. */
  readonly notes?: string;
  /** Command lines that work. */
  readonly examples?: readonly string[];
}

export interface Command extends Description {
  /** @returns the exit code @throws ImpulsError */
  run(argv: readonly string[], context: Context): Promise<number>;
}

export interface Definition<T extends Options> extends Description {
  readonly options: T;
  /** How many words it takes that are no options. */
  readonly words: readonly [least: number, most: number];
  /** @returns the exit code; default 0 */
  readonly run: (call: Call<T>) => Promise<number | undefined>;
}

/** On every command. */
const common = {
  json: { type: 'boolean', help: 'Write JSON, as when the output is no terminal' },
  help: { type: 'boolean', short: 'h', help: 'Show this help' },
} as const;

export function defineCommand<const T extends Options>(definition: Definition<T>): Command {
  const { words, run, ...description } = definition;
  const options: Options = { ...description.options, ...common, ...description.options };
  return {
    ...description,
    options,
    async run(argv, context) {
      const { values, positionals } = parse(definition.name, argv, options);
      const [least, most] = words;
      if (positionals.length < least) throw usage(definition, 'something is missing');
      if (positionals.length > most) throw usage(definition, `\`${positionals[most]}\` is one word too many`);
      return (await run({ ...context, values: values as Values<T & typeof common>, positionals })) ?? 0;
    },
  };
}

function usage({ name, usage }: Description, what: string): ImpulsError {
  return new ImpulsError('invalid-argument', `impuls ${name}: ${what}`, {
    hint: `Use: impuls ${name} ${usage}`,
  });
}

function parse(name: string, argv: readonly string[], options: Options) {
  const config = Object.fromEntries(
    Object.entries(options).map(([key, { type, short, multiple = false }]) => [
      key,
      short === undefined ? { type, multiple } : { type, multiple, short },
    ]),
  );
  try {
    return parseArgs({ args: [...argv], options: config, allowPositionals: true });
  } catch (cause) {
    const { message } = cause as Error;
    const wrong = /'(--?[^'\s=]+)/.exec(message)?.[1];
    const known = Object.keys(options).map((key) => `--${key}`);
    const guess = wrong && message.startsWith('Unknown') ? nearest(wrong, known) : undefined;
    const what = message.startsWith('Unknown') ? `there is no option ${wrong}` : firstSentence(message);
    throw new ImpulsError('invalid-argument', `impuls ${name}: ${what}`, {
      cause,
      hint: guess ? `Did you mean ${guess}?` : `See \`impuls help ${name}\`.`,
    });
  }
}

function firstSentence(message: string): string {
  const sentence = message.split(/\.?(?:\n|$)/)[0] ?? message;
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

/** @throws ImpulsError `invalid-argument` */
export function wholeNumber(text: string, what: string, least = 1, most = 0xffff_ffff): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new ImpulsError(
      'invalid-argument',
      `${what} is a whole number from ${least} to ${most}, not "${text}"`,
    );
  }
  return number;
}

/** @returns the first second of a day from 1970 to 2099 by UTC, Unix time @throws ImpulsError `invalid-argument` */
export function readDay(text: string, what: string): number {
  const known = /^(19[7-9]|20\d)\d-\d\d-\d\d$/.test(text);
  const start = known ? Date.parse(`${text}T00:00:00Z`) / 1000 : Number.NaN;
  // `Date` takes 30 February for 2 March.
  if (Number.isFinite(start) && formatDay(start) === text) return start;
  throw new ImpulsError('invalid-argument', `${what} is a day such as 2027-12-31, not "${text}"`);
}
