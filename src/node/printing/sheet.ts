import { open, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ImpulsError } from '../../core/errors.js';
import { checkLetters, drawFace, millimetre, type DrawQr, type Faces, type Rectangle } from './card-face.js';
import type { PrintableCode } from './codes-file.js';

/** Sheets of cards to be cut: on A4 85 × 54 mm, on Letter 3.5 × 2 in, two by five, as blank business cards are sold. */
export const papers = {
  a4: { name: 'A4', width: 210, height: 297, card: { width: 85, height: 54 } },
  letter: { name: 'LETTER', width: 215.9, height: 279.4, card: { width: 88.9, height: 50.8 } },
} as const;

export type PaperName = keyof typeof papers;

const [across, down] = [2, 5];
export const cardsOnSheet = across * down;
const markGap = 2 * millimetre;
const markLength = 5 * millimetre;

export interface SheetOptions {
  readonly paper: PaperName;
  /** A TrueType or OpenType font for all but the codes. Default: Helvetica, which every PDF reader has. */
  readonly font?: Uint8Array | undefined;
  /** Told after each sheet. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Printing {
  readonly PDFDocument: new (options: PDFKit.PDFDocumentOptions) => PDFKit.PDFDocument;
  readonly QRCode: typeof import('qrcode');
}

/** @throws ImpulsError `unsupported` when an optional peer is not installed */
export async function loadPrinting(
  load: (name: 'pdfkit' | 'qrcode') => Promise<unknown> = loadPeer,
): Promise<Printing> {
  try {
    const [pdfkit, qrcode] = await Promise.all([load('pdfkit'), load('qrcode')]);
    return {
      PDFDocument: (pdfkit as { default: Printing['PDFDocument'] }).default,
      QRCode: (qrcode as { default: Printing['QRCode'] }).default,
    };
  } catch (cause) {
    throw new ImpulsError('unsupported', 'printing needs the packages pdfkit and qrcode', {
      hint: 'Run: npm install pdfkit qrcode',
      cause,
    });
  }
}

function loadPeer(name: 'pdfkit' | 'qrcode'): Promise<unknown> {
  return name === 'pdfkit' ? import('pdfkit') : import('qrcode');
}

/**
 * Writes a PDF of card faces with cut marks, for its owner only.
 *
 * @throws ImpulsError `invalid-argument` if something is there or it cannot be written, `unsupported` for letters that the
 *   font does not have
 */
export async function writeSheets(
  printing: Printing,
  path: string,
  cards: readonly PrintableCode[],
  options: SheetOptions,
): Promise<void> {
  const draw = prepareSheets(printing, cards, options);
  const handle = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw writeError(path, cause);
  });
  try {
    await draw(handle.createWriteStream());
  } catch (cause) {
    await rm(path, { force: true });
    throw writeError(path, cause);
  }
}

/**
 * Checks what is to be drawn, before a byte of it is made.
 *
 * @returns what draws it into a stream, and ends that; it rejects, and destroys the stream, if that fails
 * @throws ImpulsError `unsupported` for letters that the font does not have, `invalid-argument` for a font that is none
 */
export function prepareSheets(
  { PDFDocument, QRCode }: Printing,
  cards: readonly PrintableCode[],
  { paper, font, onProgress = () => {} }: SheetOptions,
): (sink: Writable) => Promise<void> {
  if (!font) checkLetters(new Set(cards.flatMap(({ vendor, worth }) => [vendor, worth])));
  const size = papers[paper];
  const doc = new PDFDocument({
    size: [size.width * millimetre, size.height * millimetre],
    margin: 0,
    autoFirstPage: false,
    info: { Title: `${cards[0]?.vendor ?? ''}: cards`, Creator: 'impuls', Producer: 'impuls' },
  });
  const faces = facesOf(doc, font, qrDrawer(QRCode));
  return async (sink) => {
    const written = finished(sink);
    // Told where it is awaited.
    written.catch(() => {});
    try {
      doc.pipe(sink);
      const total = Math.ceil(cards.length / cardsOnSheet);
      for (let sheet = 0; sheet < total; sheet++) {
        doc.addPage();
        const there = cards.slice(sheet * cardsOnSheet, (sheet + 1) * cardsOnSheet);
        drawSheet(doc, size, there, faces, `sheet ${sheet + 1} of ${total}`);
        onProgress(sheet + 1, total);
        // Lets what is done flow away.
        await new Promise((resolve) => setImmediate(resolve));
        if (sink.destroyed) break;
      }
      doc.end();
      await written;
    } catch (error) {
      sink.destroy();
      throw error;
    }
  };
}

function writeError(path: string, cause: unknown): ImpulsError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const taken = code === 'EEXIST';
  return new ImpulsError(
    'invalid-argument',
    taken ? `${path} is there already` : `cannot write ${path}: ${message}`,
    {
      cause,
      hint: taken
        ? 'Name another file, or move that one away.'
        : 'See that its folder exists and can be written to.',
    },
  );
}

function facesOf(doc: PDFKit.PDFDocument, font: Uint8Array | undefined, qr: DrawQr): Faces {
  if (!font) return { regular: 'Helvetica', bold: 'Helvetica-Bold', qr };
  try {
    doc.registerFont('own', new Uint8Array(font)).font('own');
  } catch (cause) {
    throw new ImpulsError('invalid-argument', 'that is no font', {
      cause,
      hint: 'Name a file in TrueType or OpenType: .ttf, .otf',
    });
  }
  return { regular: 'own', bold: 'own', qr };
}

function drawSheet(
  doc: PDFKit.PDFDocument,
  { width, height, card }: (typeof papers)[PaperName],
  cards: readonly PrintableCode[],
  faces: Faces,
  label: string,
): void {
  const place: Rectangle = { x: 0, y: 0, width: card.width * millimetre, height: card.height * millimetre };
  const left = ((width - across * card.width) / 2) * millimetre;
  const top = ((height - down * card.height) / 2) * millimetre;
  const grid = { x: left, y: top, width: across * place.width, height: down * place.height };
  for (const [i, one] of cards.entries()) {
    const [column, row] = [i % across, Math.floor(i / across)];
    const at = { ...place, x: left + column * place.width, y: top + row * place.height };
    drawFace(doc, one, at, faces);
  }
  drawMarks(doc, grid, place);
  const [first, last] = [cards[0], cards.at(-1)];
  const serials = first && last ? `batch ${first.batch}, ${first.serial} to ${last.serial}` : '';
  doc
    .font('Helvetica')
    .fontSize(6)
    .fillColor('#777777')
    .text(
      `Print at 100 %. ${label}, ${serials}`,
      left + 3 * millimetre,
      grid.y + grid.height + 3 * millimetre,
      {
        lineBreak: false,
      },
    );
}

/** Beyond the edges of the cards only, so that a cut that is a little off shows no line. */
function drawMarks(doc: PDFKit.PDFDocument, grid: Rectangle, card: Rectangle): void {
  doc.lineWidth(0.25).strokeColor('black');
  for (let column = 0; column <= across; column++) {
    const x = grid.x + column * card.width;
    doc.moveTo(x, grid.y - markGap).lineTo(x, grid.y - markGap - markLength);
    const bottom = grid.y + grid.height + markGap;
    doc.moveTo(x, bottom).lineTo(x, bottom + markLength);
  }
  for (let row = 0; row <= down; row++) {
    const y = grid.y + row * card.height;
    doc.moveTo(grid.x - markGap, y).lineTo(grid.x - markGap - markLength, y);
    const right = grid.x + grid.width + markGap;
    doc.moveTo(right, y).lineTo(right + markLength, y);
  }
  doc.stroke();
}

/** All modules as one path, so that no reader shows seams between them. The quiet zone is inside of the square. */
function qrDrawer(QRCode: Printing['QRCode']): DrawQr {
  const quiet = 2;
  return (doc, text, x, y, side) => {
    const { size, data } = QRCode.create(text, { errorCorrectionLevel: 'M' }).modules;
    const module = side / (size + 2 * quiet);
    for (let row = 0; row < size; row++) {
      for (let from = 0; from < size; from++) {
        let to = from;
        while (to < size && data[row * size + to]) to++;
        if (to > from) {
          doc.rect(x + (quiet + from) * module, y + (quiet + row) * module, (to - from) * module, module);
        }
        from = to;
      }
    }
    doc.fill('black');
  };
}
