import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { root } from './manifest.js';

/** Who imports whom among the built files, and in the packages that they lead to. A module is the path of a file, or `node:*`. */

const dist = join(root, 'dist');
const arrows = new Map<string, readonly string[]>();

/** The built modules of a layer. */
export function modulesOf(layer: string): string[] {
  return readdirSync(join(dist, layer), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js'))
    .map((name) => join(dist, layer, name));
}

/** `core` for dist/core/wire/time.js; undefined for a module of another package. */
export function layerOf(module: string): string | undefined {
  return module.startsWith(`${dist}/`) ? relative(dist, module).split('/')[0] : undefined;
}

/** `@noble/hashes`; undefined for a module of this package and of Node. */
export function packageOf(module: string): string | undefined {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1];
}

/** What a module imports, statically or dynamically, and the modules that it starts as a worker or a process. */
export function importsOf(module: string): readonly string[] {
  const known = arrows.get(module);
  if (known) return known;
  const text = readFileSync(module, 'utf8');
  const named = ts
    .preProcessFile(text, true, true)
    // `require('u' + 'rl')` is no name of a module.
    .importedFiles.filter(({ end }) => !/^.?['"]?\s*\+/.test(text.slice(end, end + 10)))
    .map(({ fileName }) => fileName);
  const started = [...text.matchAll(/new URL\('(\.[^']+\.js)', import\.meta\.url\)/g)].map(
    ([, name]) => name!,
  );
  const found = [...named, ...started].map((name) => locate(name, module));
  arrows.set(module, found);
  return found;
}

function locate(name: string, from: string): string {
  if (isBuiltin(name)) return name.startsWith('node:') ? name : `node:${name}`;
  if (name.startsWith('.')) return resolve(dirname(from), name);
  try {
    return createRequire(from).resolve(name);
  } catch (error) {
    // Packages try for optional ones of their own. What this package imports is there.
    if (packageOf(from) === undefined) throw error;
    return name;
  }
}

/** The shortest way from one of the modules to one that `isWanted`, as names for people; empty if there is none. */
export function findPath(modules: readonly string[], isWanted: (module: string) => boolean): string[] {
  const cameFrom = new Map<string, string | undefined>(modules.map((module) => [module, undefined]));
  // A Map is walked in the order of insertion, and takes what is inserted on the way: breadth first.
  for (const [module] of cameFrom) {
    if (isWanted(module)) return wayTo(module, cameFrom);
    if (!module.endsWith('js')) continue;
    for (const target of importsOf(module)) if (!cameFrom.has(target)) cameFrom.set(target, module);
  }
  return [];
}

function wayTo(module: string, cameFrom: ReadonlyMap<string, string | undefined>): string[] {
  const way: string[] = [];
  for (let at: string | undefined = module; at !== undefined; at = cameFrom.get(at)) {
    way.unshift(at.startsWith(root) ? relative(root, at) : at);
  }
  return way;
}
