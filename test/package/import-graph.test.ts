import { isBuiltin } from 'node:module';
import { describe, expect, it } from 'vitest';
import { manifest } from './manifest.js';
import { findPath, importsOf, layerOf, modulesOf, packageOf } from './module-graph.js';

interface Layer {
  readonly name: string;
  /** The other layers that it may reach. */
  readonly below: readonly string[];
  /** The packages that it imports: these and no others. */
  readonly packages: readonly string[];
}

/** Run anywhere: no Node, not even in the packages that they import. */
const everywhere: readonly Layer[] = [
  {
    name: 'core',
    below: [],
    packages: ['@noble/curves', '@noble/hashes', '@panva/hpke-noble', 'hpke'],
  },
  { name: 'server', below: ['core'], packages: [] },
  { name: 'client', below: ['core'], packages: [] },
];

const layers: readonly Layer[] = [
  ...everywhere,
  {
    name: 'node',
    below: ['core', 'server', 'client'],
    packages: ['@noble/curves', 'better-sqlite3', 'pdfkit', 'pg', 'qrcode', 'stripe', 'undici', 'zod'],
  },
  {
    name: 'adapters',
    below: ['core', 'server', 'client', 'node'],
    packages: ['@modelcontextprotocol/sdk', '@x402/core', 'mppx', 'zod'],
  },
  { name: 'testing', below: ['core', 'server', 'client'], packages: [] },
  {
    name: 'cli',
    below: ['core', 'server', 'client', 'node', 'adapters'],
    packages: ['cli-table3', 'prom-client'],
  },
];

/** Entry points of the adapters for frameworks that also run where there is no Node. */
const portable = [
  'hono.js',
  'next.js',
  'mcp/index.js',
  'mppx/index.js',
  'x402/index.js',
  'durable-object/index.js',
];
/** What adapters know the types of, and nothing else. */
const typesOnly = ['express', 'fastify', 'hono'];

const peers = Object.keys(manifest.peerDependencies ?? {});

describe('the built modules', () => {
  it.each(layers)('of $name reach no layer but $below', ({ name, below }) => {
    const isAbove = (module: string): boolean => {
      const layer = layerOf(module);
      return layer !== undefined && layer !== name && !below.includes(layer);
    };
    expect(findPath(modulesOf(name), isAbove)).toEqual([]);
  });

  it.each(layers)('of $name import exactly the packages $packages', ({ name, packages }) => {
    const imported = modulesOf(name).flatMap(importsOf).map(packageOf);
    expect([...new Set(imported.filter((one) => one !== undefined))].sort()).toEqual(packages);
  });

  it.each(everywhere)('of $name reach nothing of Node and no optional peer', ({ name }) => {
    expect(findPath(modulesOf(name), isBuiltin)).toEqual([]);
    expect(findPath(modulesOf(name), (module) => peers.includes(packageOf(module) ?? ''))).toEqual([]);
  });

  it.each(portable)('of adapters that begin at %s reach nothing of Node', (entry) => {
    const modules = modulesOf('adapters').filter((module) => module.endsWith(`/adapters/${entry}`));
    expect(modules).toHaveLength(1);
    expect(findPath(modules, isBuiltin)).toEqual([]);
  });

  it('of node are seen to reach Node, the peer and the core, so the walk does walk', () => {
    const modules = modulesOf('node');
    expect(findPath(modules, isBuiltin)).toHaveLength(2);
    expect(findPath(modules, (module) => packageOf(module) === 'better-sqlite3')).toHaveLength(2);
    expect(findPath(modules, (module) => layerOf(module) === 'core')).toHaveLength(2);
    expect(findPath(modules, (module) => packageOf(module) === '@noble/hashes').length).toBeGreaterThan(2);
  });
});

describe('the dependencies', () => {
  it('are those that the layers import, and the optional peers', () => {
    const imported = new Set([...layers.flatMap(({ packages }) => packages), ...typesOnly]);
    expect([...Object.keys(manifest.dependencies ?? {}), ...peers].sort()).toEqual([...imported].sort());
    for (const peer of peers) expect(manifest.peerDependenciesMeta?.[peer]).toEqual({ optional: true });
  });
});
