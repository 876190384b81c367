/** Markdown tables of results, as documents quote them. */

/** @param rows arrays of cells, the first of them the head */
export function table([head, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** A result of any depth as a table of two columns, its path and its value. */
export function tableOf(result) {
  const rows = [];
  const walk = (path, value) => {
    if (value !== null && typeof value === 'object') {
      for (const [name, inner] of Object.entries(value)) walk([...path, name], inner);
    } else
      rows.push([path.join(' · '), typeof value === 'number' ? String(Number(value.toPrecision(4))) : value]);
  };
  walk([], result);
  return table([['', 'measured'], ...rows]);
}
