import { heightAt, turningPoints } from './tides.mjs';

/** The tide table as a PDF of one page (ISO 32000), written by hand: a curve and a table. */

const days = 7;
const page = { width: 595, height: 842, margin: 56 };
const plot = { bottom: 560, height: 150 };

export function makeTideTable() {
  return writePdf([drawTitle(), drawCurve(), drawTable()].join('\n'));
}

const text = (x, y, size, words) => `BT /F1 ${size} Tf ${x} ${y} Td (${words}) Tj ET`;

function drawTitle() {
  return [
    text(page.margin, 770, 26, 'A week of tides'),
    text(
      page.margin,
      746,
      11,
      'Tidewater harbour. Heights in metres above chart datum. The harbour is made up.',
    ),
  ].join('\n');
}

function drawCurve() {
  const width = page.width - 2 * page.margin;
  const x = (hours) => page.margin + (hours / (24 * days)) * width;
  const y = (metres) => plot.bottom + (metres / 5.2) * plot.height;
  const lines = ['0.85 G 0.5 w'];
  for (let day = 0; day <= days; day++) {
    const at = x(day * 24).toFixed(1);
    lines.push(`${at} ${plot.bottom} m ${at} ${plot.bottom + plot.height} l S`);
    if (day < days) lines.push(text(at, plot.bottom - 14, 9, `Day ${day + 1}`));
  }
  lines.push('0.04 0.31 0.54 RG 1.6 w');
  for (let hours = 0; hours <= 24 * days; hours += 0.5) {
    lines.push(`${x(hours).toFixed(1)} ${y(heightAt(hours)).toFixed(1)} ${hours === 0 ? 'm' : 'l'}`);
  }
  lines.push('S');
  return lines.join('\n');
}

function drawTable() {
  const columns = [0, 1, 2, 3].map((column) => page.margin + column * 122);
  const rows = turningPoints(days).map(({ minute, kind, height }) => {
    const clock = [Math.floor(minute / 60) % 24, minute % 60].map((part) => String(part).padStart(2, '0'));
    return { day: Math.floor(minute / 1440) + 1, line: `${clock.join(':')}  ${kind}  ${height.toFixed(1)}` };
  });
  const lines = [];
  for (let day = 1; day <= days; day++) {
    const left = columns[(day - 1) % 4];
    const top = day <= 4 ? 500 : 380;
    lines.push(text(left, top, 12, `Day ${day}`));
    rows
      .filter((row) => row.day === day)
      .forEach(({ line }, index) => lines.push(text(left, top - 18 - index * 15, 10, line)));
  }
  return lines.join('\n');
}

function writePdf(content) {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${page.width} ${page.height}] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>`,
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let file = '%PDF-1.4\n';
  const offsets = objects.map((object, index) => {
    const at = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const table = file.length;
  const entries = offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('');
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${entries}`;
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return Buffer.from(file, 'latin1');
}
