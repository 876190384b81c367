import type { Tally } from './tally.js';

/** The result as a picture, legible on light and on dark. */
export function drawBadge({ payments, doubleCharges, lostUnits }: Tally): string {
  const fields = [
    ['payments tried', payments.toLocaleString('en-US')],
    ['double charges', String(doubleCharges)],
    ['lost units', String(lostUnits)],
  ] as const;
  const isGood = doubleCharges === 0 && lostUnits === 0;
  const width = (text: string): number => 14 + Math.ceil(text.length * 6.6);
  let x = 0;
  const parts = fields.map(([label, value], i) => {
    const fill = i === 0 ? '#0969da' : isGood ? '#1a7f37' : '#cf222e';
    const [left, right] = [width(label), width(value)];
    const part =
      `<rect x="${x}" width="${left}" height="20" fill="#57606a"/>` +
      `<rect x="${x + left}" width="${right}" height="20" fill="${fill}"/>` +
      `<text x="${x + left / 2}" y="14">${label}</text><text x="${x + left + right / 2}" y="14">${value}</text>`;
    x += left + right + 4;
    return part;
  });
  const title = fields.map(([label, value]) => `${label}: ${value}`).join(', ');
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${x - 4}" height="20" role="img" aria-label="${title}">` +
    `<title>${title}</title><g font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" fill="#fff" text-anchor="middle">` +
    `${parts.join('')}</g></svg>\n`
  );
}
