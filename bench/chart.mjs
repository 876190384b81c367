/**
 * Charts as SVG text: horizontal bars and lines, on a panel of their own that is light or dark as the reader's screen is. A logarithmic
 * axis says so.
 */
const escapeText = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

const style = `
  .panel { fill: #ffffff } .text { fill: #1f2328 } .soft { fill: #59636e } .grid { stroke: #d8dee4 } .ours { fill: #1a6fd4 } .theirs { fill: #8c959f }
  .line { fill: none; stroke-width: 2 } .s0 { stroke: #1a6fd4 } .s1 { stroke: #0a8f6a } .s2 { stroke: #c4432b } .s3 { stroke: #8250df } .s4 { stroke: #b35900 } .s5 { stroke: #6e7781 } .s6 { stroke: #bf3989 }
  .d0 { fill: #1a6fd4 } .d1 { fill: #0a8f6a } .d2 { fill: #c4432b } .d3 { fill: #8250df } .d4 { fill: #b35900 } .d5 { fill: #6e7781 } .d6 { fill: #bf3989 }
  text { font: 13px ui-sans-serif, system-ui, sans-serif } .title { font-size: 16px; font-weight: 600 } .small { font-size: 11px }
  @media (prefers-color-scheme: dark) {
    .panel { fill: #0d1117 } .text { fill: #e6edf3 } .soft { fill: #9198a1 } .grid { stroke: #2d333b } .ours { fill: #58a6ff } .theirs { fill: #6e7681 }
    .s0 { stroke: #58a6ff } .s1 { stroke: #3fb950 } .s2 { stroke: #ff7b72 } .s3 { stroke: #bc8cff } .s4 { stroke: #e3a04f } .s5 { stroke: #9198a1 } .s6 { stroke: #f778ba }
    .d0 { fill: #58a6ff } .d1 { fill: #3fb950 } .d2 { fill: #ff7b72 } .d3 { fill: #bc8cff } .d4 { fill: #e3a04f } .d5 { fill: #9198a1 } .d6 { fill: #f778ba }
  }`;

function page(width, height, { title, note }, body) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeText(title)}">
<style>${style}</style>
<rect class="panel" width="${width}" height="${height}" rx="8"/>
<text class="text title" x="20" y="30">${escapeText(title)}</text>
<text class="soft small" x="20" y="50">${escapeText(note)}</text>
${body.join('\n')}
</svg>
`;
}

/** Where a value stands between two ends, 0 to 1. */
const scales = {
  linear: (low, high) => (value) => (value - low) / (high - low),
  log: (low, high) => (value) => Math.log(value / low) / Math.log(high / low),
};

const decades = (low, high) => {
  const marks = [];
  for (let mark = low; mark <= high * 1.001; mark *= 10) marks.push(mark);
  return marks;
};

/** Marks of a linear axis from 0: four to eight of them, at round numbers. */
function roundMarks(high) {
  const rough = high / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [5, 2, 1].find((times) => times * power <= rough);
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, at) => at * step);
}

export const compact = (value) =>
  value >= 1e6
    ? `${Number((value / 1e6).toPrecision(3))} M`
    : value >= 1e4
      ? `${Number((value / 1e3).toPrecision(3))} k`
      : Number(value.toPrecision(3)).toLocaleString('en');

/**
 * Bars on a logarithmic axis, each with its value.
 * @param rows `{ label, value, text, ours }`; `ours` is drawn in the colour of the project
 */
export function barChart({ title, note, axis, rows }) {
  const [left, width, top, step] = [250, 760, 70, 30];
  const low = 10 ** Math.floor(Math.log10(Math.min(...rows.map(({ value }) => value))));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...rows.map(({ value }) => value))));
  const place = scales.log(low, high);
  const x = (value) => left + place(value) * (width - left - 110);
  const bottom = top + rows.length * step;
  const body = [];
  for (const mark of decades(low, high)) {
    body.push(`<line class="grid" x1="${x(mark)}" x2="${x(mark)}" y1="${top - 6}" y2="${bottom}"/>`);
    body.push(
      `<text class="soft small" x="${x(mark)}" y="${bottom + 16}" text-anchor="middle">${compact(mark)}</text>`,
    );
  }
  rows.forEach(({ label, value, text, ours }, at) => {
    const y = top + at * step;
    const end = Math.max(2, x(value) - left);
    body.push(
      `<text class="text" x="${left - 10}" y="${y + 16}" text-anchor="end">${escapeText(label)}</text>`,
      `<rect class="${ours ? 'ours' : 'theirs'}" x="${left}" y="${y + 3}" width="${end.toFixed(1)}" height="18" rx="3"/>`,
      `<text class="text" x="${(left + end + 8).toFixed(1)}" y="${y + 16}">${escapeText(text)}</text>`,
    );
  });
  body.push(
    `<text class="soft small" x="${left}" y="${bottom + 34}">${escapeText(axis)}, logarithmic</text>`,
  );
  return page(width, bottom + 50, { title, note }, body);
}

/**
 * Lines over two axes, each `log` or `linear`; a linear one begins at 0.
 * @param series `{ label, points: [x, y][] }`, at most seven
 */
export function lineChart({ title, note, x: xAxis, y: yAxis, series }) {
  const [left, right, top, width, height] = [70, 190, 80, 760, 420];
  const points = series.flatMap((one) => one.points);
  const ends = (kind, values) =>
    kind === 'log'
      ? [
          10 ** Math.floor(Math.log10(Math.min(...values))),
          10 ** Math.ceil(Math.log10(Math.max(...values)) - 1e-9),
        ]
      : [0, Math.max(...values) * 1.1];
  const [xLow, xHigh] = ends(
    xAxis.kind,
    points.map(([value]) => value),
  );
  const [yLow, yHigh] = ends(
    yAxis.kind,
    points.map(([, value]) => value),
  );
  const bottom = height - 50;
  const xAt = (value) => left + scales[xAxis.kind](xLow, xHigh)(value) * (width - left - right);
  const yAt = (value) => bottom - scales[yAxis.kind](yLow, yHigh)(value) * (bottom - top);
  const marks = (kind, low, high) => (kind === 'log' ? decades(low, high) : roundMarks(high));
  const body = [];
  for (const mark of marks(yAxis.kind, yLow, yHigh)) {
    const y = yAt(mark).toFixed(1);
    body.push(`<line class="grid" x1="${left}" x2="${width - right}" y1="${y}" y2="${y}"/>`);
    body.push(
      `<text class="soft small" x="${left - 8}" y="${y}" dy="4" text-anchor="end">${compact(mark)}</text>`,
    );
  }
  for (const mark of xAxis.marks ?? marks(xAxis.kind, xLow, xHigh)) {
    body.push(
      `<text class="soft small" x="${xAt(mark).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${compact(mark)}</text>`,
    );
  }
  const labels = [];
  series.forEach(({ label, points: line }, at) => {
    const path = line.map(([x, y]) => `${xAt(x).toFixed(1)},${yAt(y).toFixed(1)}`);
    body.push(`<polyline class="line s${at}" points="${path.join(' ')}"/>`);
    for (const place of path) {
      const [x, y] = place.split(',');
      body.push(`<circle class="d${at}" cx="${x}" cy="${y}" r="3"/>`);
    }
    const [x, y] = path.at(-1).split(',').map(Number);
    labels.push({ label, at, x, y });
  });
  // Labels stand at the ends of their lines, and none on another.
  labels.sort((a, b) => a.y - b.y);
  labels.forEach((one, at) => (one.y = at > 0 ? Math.max(one.y, labels[at - 1].y + 16) : one.y));
  for (const { label, at, y } of labels) {
    body.push(
      `<text class="d${at}" x="${width - right + 10}" y="${y.toFixed(1)}" dy="4">${escapeText(label)}</text>`,
    );
  }
  const say = ({ label, kind }) => `${label}${kind === 'log' ? ', logarithmic' : ''}`;
  body.push(
    `<text class="soft small" x="${left}" y="${height - 12}">${escapeText(say(xAxis))}</text>`,
    `<text class="soft small" x="${left}" y="${top - 10}">${escapeText(say(yAxis))}</text>`,
  );
  return page(width, height, { title, note }, body);
}
