/**
 * Where the time of a payment goes: `node bench/profile.mjs [--out docs/pictures/payment.svg]`. The server of bench/http-server.mjs is
 * sampled while 64 connections pay it, and the samples become a table and a flame graph.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask, measure } from './load.mjs';

const clients = 64;
const claims = 150;
/** Rounds before the first that is sampled: what runs a few thousand times only is not compiled yet. */
const warmUps = 2;
const rounds = warmUps + 2;

async function sample() {
  const folder = mkdtempSync(join(tmpdir(), 'impuls-profile-'));
  const args = [folder, String(clients), String(claims * rounds), 'chain'];
  const child = fork(fileURLToPath(new URL('http-server.mjs', import.meta.url)), args);
  try {
    const { ready: port } = await new Promise((resolve) => child.once('message', resolve));
    const tokens = JSON.parse(readFileSync(join(folder, 'tokens.json'), 'utf8'));
    for (let round = 0; round < rounds; round++) {
      if (round === warmUps) await ask(child, 'profile');
      const lines = tokens.map((one) => one.slice(round * claims, (round + 1) * claims));
      const toRequest = (token) => `GET /paid HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${token}\r\n\r\n`;
      await measure(
        child,
        port,
        lines.map((one) => one.map(toRequest)),
      );
    }
    const { profile } = await ask(child, 'profiled');
    await ask(child, 'stop');
    return JSON.parse(readFileSync(profile, 'utf8'));
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The calls as a tree, with the time that each took in all. Idle time is left out. */
function treeOf({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, { ...node, self: 0 }]));
  samples.forEach((id, i) => (byId.get(id).self += timeDeltas[i]));
  const build = ({ callFrame, self, children = [] }) => {
    const file = callFrame.url.replace(/^.*\/(dist|node_modules|bench)\//, '').replace(/^node:/, '');
    const name = callFrame.functionName || '(anonymous)';
    const merged = new Map();
    for (const child of children.map((id) => build(byId.get(id)))) {
      if (/^\((idle|root)\)$/.test(child.name)) continue;
      const same = merged.get(`${child.name} ${child.file}`);
      if (!same) merged.set(`${child.name} ${child.file}`, child);
      else merge(same, child);
    }
    const list = [...merged.values()];
    return {
      name,
      file,
      self,
      total: self + list.reduce((sum, { total }) => sum + total, 0),
      children: list,
    };
  };
  return build(byId.get(nodes[0].id));
}

function merge(into, { self, total, children }) {
  into.self += self;
  into.total += total;
  for (const child of children) {
    const same = into.children.find(({ name, file }) => name === child.name && file === child.file);
    if (same) merge(same, child);
    else into.children.push(child);
  }
}

/** What a function belongs to, by its file. */
function areaOf({ name, file }) {
  if (name === '(garbage collector)') return 'garbage collection';
  if (/sqlite|better-sqlite3/.test(file) || name === 'run' || name === 'fdatasync') return 'ledger';
  if (/^core\//.test(file)) return 'verdict and receipt';
  if (/^(server|node)\//.test(file)) return 'gate';
  if (/^writev|^write/.test(name)) return 'socket';
  return 'node:http';
}

const colours = {
  'garbage collection': '#b0a8b9',
  ledger: '#e8b04a',
  'verdict and receipt': '#6fae75',
  gate: '#5b9bd5',
  socket: '#d9776b',
  'node:http': '#c7a58b',
};

/** @returns the share of each area, largest first, and of each function in itself */
function sharesOf(root) {
  const [areas, functions] = [new Map(), new Map()];
  const add = (map, key, time) => map.set(key, (map.get(key) ?? 0) + time);
  const visit = (node) => {
    add(areas, areaOf(node), node.self);
    add(functions, `${node.name} ${node.file}`, node.self);
    node.children.forEach(visit);
  };
  visit(root);
  const sorted = (map) =>
    [...map].map(([name, time]) => [name, time / root.total]).sort((a, b) => b[1] - a[1]);
  return { areas: sorted(areas), functions: sorted(functions) };
}

const [width, row] = [1200, 17];
const escape = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** A flame graph as plain SVG: who calls whom from the top down, as wide as it takes. */
function flameGraph(root) {
  const boxes = [];
  let depth = 0;
  const draw = (node, x, level) => {
    const w = (width * node.total) / root.total;
    if (w < 0.6) return;
    depth = Math.max(depth, level);
    const fits = Math.floor(w / 6.2) - 1;
    const title = `${node.name} ${node.file} ${((100 * node.total) / root.total).toFixed(1)} %`;
    const label =
      fits > 2
        ? `<text x="${(x + 3).toFixed(1)}" y="${level * row + 12}">${escape(node.name.slice(0, fits))}</text>`
        : '';
    boxes.push(
      `<g><title>${escape(title)}</title><rect x="${x.toFixed(1)}" y="${level * row}" width="${w.toFixed(1)}" height="${row - 1}" fill="${colours[areaOf(node)]}"/>${label}</g>`,
    );
    let at = x;
    for (const child of [...node.children].sort((a, b) => b.total - a.total)) {
      draw(child, at, level + 1);
      at += (width * child.total) / root.total;
    }
  };
  let at = 0;
  for (const child of [...root.children].sort((a, b) => b.total - a.total)) {
    draw(child, at, 1.5);
    at += (width * child.total) / root.total;
  }
  const legend = Object.entries(colours).map(
    ([name, colour], i) =>
      `<rect x="${i * 170}" y="0" width="165" height="16" fill="${colour}"/><text x="${i * 170 + 4}" y="12">${name}</text>`,
  );
  const height = (depth + 1) * row;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="10" fill="#111" role="img" aria-label="Flame graph of a payment">
${[...legend, ...boxes].join('\n')}
</svg>
`;
}

const root = treeOf(await sample());
const { areas, functions } = sharesOf(root);
const line = ([name, share]) => console.log(`${(100 * share).toFixed(1).padStart(5)} %  ${name}`);
areas.forEach(line);
console.log();
functions.slice(0, 25).forEach(line);
const out = process.argv.indexOf('--out');
if (out > 0) writeFileSync(process.argv[out + 1], flameGraph(root));
