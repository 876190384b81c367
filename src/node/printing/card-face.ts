import { ImpulsError } from '../../core/errors.js';
import type { PrintableCode } from './codes-file.js';

/** What stands on a printed card, and where. Lengths are points, 72 to the inch; the y axis points down. */

type Document = PDFKit.PDFDocument;

/** Draws a QR code into a square. */
export type DrawQr = (doc: Document, text: string, x: number, y: number, side: number) => void;

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Faces {
  /** Names of fonts that the document knows. */
  readonly regular: string;
  readonly bold: string;
  readonly qr: DrawQr;
}

export const millimetre = 72 / 25.4;

const padding = 5 * millimetre;
const qrSide = 28 * millimetre;
const grey = '#555555';
const smallest = 5.5;
/** A name that would be smaller than this on one line gets two. */
const readable = 9;

export function drawFace(doc: Document, card: PrintableCode, place: Rectangle, faces: Faces): void {
  const left = place.x + padding;
  const width = place.width - 2 * padding;
  const beside = width - qrSide - 3 * millimetre;
  const bottom = place.y + place.height - padding;
  const say = (font: string, size: number, color: string, text: string, y: number, room: number): void => {
    doc.font(font).fillColor(color);
    const [fitted, fittedSize] = fit(doc, text, size, room);
    doc.fontSize(fittedSize).text(fitted, left, y, { lineBreak: false });
  };

  faces.qr(doc, card.link, place.x + place.width - padding - qrSide, place.y + padding, qrSide);
  const units = `${card.units.toLocaleString('en-US')} ${card.units === 1 ? 'unit' : 'units'}`;
  const isLong = doc.font(faces.bold).fontSize(readable).widthOfString(card.vendor) > beside;
  for (const [i, line] of (isLong ? inTwo(card.vendor) : [card.vendor]).entries()) {
    say(faces.bold, isLong ? 10 : 12, 'black', line, place.y + padding + 12 * i, beside);
  }
  say(
    faces.bold,
    17,
    'black',
    card.cards === 1 ? units : `${card.cards} × ${units}`,
    place.y + padding + 32,
    beside,
  );
  say(faces.regular, 9, 'black', `worth ${card.worth}`, place.y + padding + 53, beside);
  say('Courier-Bold', 15, 'black', card.code, bottom - 25, width);
  const where = new URL(card.link);
  const foot = `No. ${card.batch}-${card.serial} · valid until ${card.expires} · ${where.host}${where.pathname}`;
  say(faces.regular, 7, grey, foot, bottom - 6, width);
}

/** At the space that is nearest to the middle. */
function inTwo(text: string): string[] {
  const middle = text.length / 2;
  const spaces = [...text.matchAll(/ /g)].map(({ index }) => index);
  const [at] = spaces.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
  return at === undefined ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Makes a text smaller until it has room, and cuts it where it would be too small to read. */
function fit(doc: Document, text: string, size: number, room: number): readonly [text: string, size: number] {
  const widthAt = (one: string, points: number): number => doc.fontSize(points).widthOfString(one);
  const fitting = Math.min(size, (size * room) / Math.max(widthAt(text, size), 1));
  if (fitting >= smallest) return [text, fitting];
  let length = text.length;
  while (length > 1 && widthAt(`${text.slice(0, length)}…`, smallest) > room) length--;
  return [`${text.slice(0, length).trimEnd()}…`, smallest];
}

const codePage1252 = /^[\x20-\x7e\xa0-\xff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]*$/;

/** @throws ImpulsError `unsupported` for letters that the fonts every PDF reader has do not know */
export function checkLetters(texts: Iterable<string>): void {
  for (const text of texts) {
    if (codePage1252.test(text)) continue;
    throw new ImpulsError('unsupported', `the fonts of PDF do not have all letters of "${text}"`, {
      hint: 'Name a font that does: --font DejaVuSans.ttf',
    });
  }
}
