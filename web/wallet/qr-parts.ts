/**
 * A backup as QR codes: `impuls-qr:<n>/<of>:<sum>:<piece>`, n from 1. The sum names the whole, so that codes of two
 * backups are not mixed up; the backup has a checksum of its own.
 */
export interface Part {
  readonly at: number;
  readonly of: number;
  readonly sum: string;
  readonly piece: string;
}

/** Characters of a code that a phone still reads well from a screen. */
const pieceCharacters = 480;
/** As many as anyone would scan. */
const maxParts = 400;

export async function splitBackup(text: string): Promise<string[]> {
  const sum = await sumOf(text);
  const of = Math.ceil(text.length / pieceCharacters);
  return Array.from({ length: of }, (_, i) => {
    const piece = text.slice(i * pieceCharacters, (i + 1) * pieceCharacters);
    return `impuls-qr:${i + 1}/${of}:${sum}:${piece}`;
  });
}

/** @returns undefined for anything else */
export function readPart(text: string): Part | undefined {
  const [, at, of, sum, piece] =
    /^impuls-qr:(\d{1,3})\/(\d{1,3}):([0-9a-f]{12}):([^]{1,2000})$/.exec(text) ?? [];
  if (sum === undefined || piece === undefined) return undefined;
  const part = { at: Number(at), of: Number(of), sum, piece };
  return part.at >= 1 && part.at <= part.of && part.of <= maxParts ? part : undefined;
}

/** What was scanned so far, of one backup. */
export interface Collected {
  readonly sum: string;
  readonly of: number;
  readonly pieces: ReadonlyMap<number, string>;
}

/** A code of another backup begins anew. */
export function addPart(collected: Collected | undefined, { at, of, sum, piece }: Part): Collected {
  const same = collected?.sum === sum && collected.of === of;
  return { sum, of, pieces: new Map(same ? collected.pieces : []).set(at, piece) };
}

/** @returns the backup if it is whole */
export function joinParts({ of, pieces }: Collected): string | undefined {
  if (pieces.size < of) return undefined;
  return Array.from({ length: of }, (_, i) => pieces.get(i + 1)!).join('');
}

/** 6 bytes of its SHA-256 in hex. */
async function sumOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(digest.subarray(0, 6), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
