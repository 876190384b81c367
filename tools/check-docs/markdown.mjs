/** Reads as much of Markdown as the checks need. Line numbers count from 1. */

/**
 * @typedef {{ language: string, flags: string[], line: number, lines: string[] }} Block a fenced block; `line` is its first
 * @typedef {{ file: string, length: number, blocks: Block[], prose: string[], unclosed?: number }} Document
 *   `prose` has the document's lines, empty where a block stands; `unclosed` is the line of a fence without an end
 */

/** @returns {Document} */
export function readDocument(file, text) {
  const lines = text.split('\n');
  const blocks = [];
  const prose = [];
  let block;
  let close;
  lines.forEach((line, i) => {
    if (block) {
      prose.push('');
      if (close.test(line)) block = undefined;
      else block.lines.push(line.replace(block.indent, ''));
      return;
    }
    const fence = /^(\s*)(`{3,}|~{3,})([^`]*)$/.exec(line);
    prose.push(fence ? '' : line);
    if (!fence) return;
    const [, indent, marks, info] = fence;
    const [language, ...flags] = info.trim().split(/\s+/);
    block = { language, flags, line: i + 2, lines: [], indent: new RegExp(`^\\s{0,${indent.length}}`) };
    close = new RegExp(`^\\s*${marks[0]}{${marks.length},}\\s*$`);
    blocks.push(block);
  });
  return { file, length: lines.length, blocks, prose, unclosed: block && block.line - 1 };
}

/** Prose without its inline code. */
export const withoutCode = (line) => line.replace(/(`+)(?:(?!\1).)+\1/g, '');

/** The inline code of a line of prose. */
export const inlineCode = (line) =>
  [...line.matchAll(/(`+)((?:(?!\1).)+)\1/g)].map(([, , code]) => code.trim());

/** What can be linked to in a document: its headings, by the names that GitHub gives them, and explicit ids. */
export function anchorsOf({ prose }) {
  const anchors = new Set();
  for (const line of prose) {
    for (const [, id] of line.matchAll(/<[^>]+\b(?:id|name)="([^"]+)"/g)) anchors.add(id);
    const heading = /^#{1,6}\s+(.*?)(?:\s+#+)?\s*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = text.replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '').replaceAll(' ', '-');
    let name = slug;
    for (let n = 1; anchors.has(name); n++) name = `${slug}-${n}`;
    anchors.add(name);
  }
  return anchors;
}

/** The targets of the links and images of a line of prose. */
export function linksOf(line) {
  const patterns = [
    /\]\(\s*<?([^)\s>]+)/g,
    /^\s{0,3}\[[^\]]+\]:\s*<?([^\s>]+)/g,
    /\b(?:href|src)="([^"]+)"/g,
  ];
  const text = withoutCode(line);
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, target]) => target));
}
