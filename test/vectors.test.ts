import { readFileSync, readdirSync } from 'node:fs';
import { describe, it } from 'vitest';
import { checkCase, type Case } from './support/vector-operations.js';

const folder = new URL('../vectors/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));

describe.each(files)('vectors/%s', (name) => {
  const { cases } = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { cases: readonly Case[] };
  it.each(cases)('$op: $name', (one) => checkCase(name.replace('.json', ''), one));
});
