import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The inputs of the vectors, which are where most searches begin. */

type Fields = Readonly<Record<string, unknown>>;
interface Case {
  readonly op: string;
  readonly in: Fields;
}

const folder = fileURLToPath(new URL('../../vectors/', import.meta.url));

/** What the cases of a file have under a name; of one operation, if it is given. */
export function vectorInputs(file: string, name: string, op?: string): readonly unknown[] {
  if (!readdirSync(folder).includes(`${file}.json`)) return [];
  const { cases } = JSON.parse(readFileSync(`${folder}${file}.json`, 'utf8')) as { cases: readonly Case[] };
  return cases.filter((one) => op === undefined || one.op === op).flatMap((one) => one.in[name] ?? []);
}

/** Those that are bytes in hex. */
export function vectorBytes(file: string, name: string, op?: string): Uint8Array[] {
  return vectorInputs(file, name, op)
    .filter((value): value is string => typeof value === 'string' && /^(?:[0-9a-f]{2})*$/.test(value))
    .map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
}

/** Those that are text, or JSON that is written as text. */
export function vectorTexts(file: string, name: string, op?: string): string[] {
  return vectorInputs(file, name, op).map((value) =>
    typeof value === 'string' ? value : JSON.stringify(value),
  );
}
