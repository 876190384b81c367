/** Payments a second through the faults, as SVG that is legible on light and dark. */

export interface Picture {
  readonly title: string;
  /** Payments in each second. */
  readonly seconds: readonly number[];
  /** In seconds from the beginning. */
  readonly episodes: readonly { readonly what: string; readonly from: number; readonly to: number }[];
}

const [left, right, top, height] = [52, 16, 44, 190];
const width = 960;
const line = 18;

const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 14px; font-weight: 600 }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .rate { fill: #0969da }
  .fault { fill: #cf222e; opacity: .16 }
  .mark { fill: #cf222e; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .grid { stroke: #30363d }
    .rate { fill: #58a6ff }
    .fault { fill: #ff7b72; opacity: .26 }
    .mark { fill: #ff7b72 }
  }`;

export function drawTimeline({ title, seconds, episodes }: Picture): string {
  const plot = width - left - right;
  const most = Math.max(1, ...seconds);
  const step = niceStep(most / 4);
  const ceiling = Math.ceil(most / step) * step;
  const x = (second: number): number => round(left + (second / seconds.length) * plot);
  const y = (rate: number): number => round(top + height - (rate / ceiling) * height);
  const bottom = top + height;
  const grid = Array.from({ length: Math.floor(ceiling / step) + 1 }, (_, i) => i * step).flatMap((rate) => [
    `<line class="grid" x1="${left}" y1="${y(rate)}" x2="${width - right}" y2="${y(rate)}"/>`,
    `<text x="${left - 6}" y="${y(rate) + 4}" text-anchor="end">${rate}</text>`,
  ]);
  const every = niceStep(seconds.length / 12);
  const times = Array.from({ length: Math.floor(seconds.length / every) + 1 }, (_, i) => i * every).map(
    (second) => `<text x="${x(second)}" y="${bottom + 16}" text-anchor="middle">${second} s</text>`,
  );
  const bands = episodes.flatMap(({ from, to }, i) => [
    `<rect class="fault" x="${x(from)}" y="${top}" width="${round(Math.max(2, x(to) - x(from)))}" height="${height}"/>`,
    `<text class="mark" x="${round((x(from) + x(to)) / 2)}" y="${top - 6}" text-anchor="middle">${i + 1}</text>`,
  ]);
  const area = seconds.map((rate, i) => `L${x(i)} ${y(rate)}L${x(i + 1)} ${y(rate)}`).join('');
  const legend = episodes.map(
    ({ what }, i) =>
      `<text x="${left}" y="${bottom + 42 + i * line}"><tspan class="mark">${i + 1}</tspan>  ${escape(what)}</text>`,
  );
  const total = bottom + 42 + episodes.length * line;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" role="img" aria-label="${escape(title)}">
<style>${style}
</style>
<text class="title" x="${left}" y="18">${escape(title)}</text>
${[...grid, ...times].join('\n')}
<path class="rate" d="M${left} ${bottom}${area}L${width - right} ${bottom}Z"/>
${bands.join('\n')}
<line class="axis" x1="${left}" y1="${bottom}" x2="${width - right}" y2="${bottom}"/>
${legend.join('\n')}
</svg>
`;
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= least)!;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
