import { malformed } from '../../core/errors.js';

/**
 * Paths as a price list has them: `/search`, `/articles/{id}`, `/v1/*`. A segment in braces is any one segment; a star at the end is
 * whatever follows, also nothing. Case and a slash at the end make no difference: there are servers to which they make none, and
 * what costs something must not be had by writing it otherwise.
 */
export interface PathPattern {
  /** In lower case; undefined where any segment does. */
  readonly segments: ReadonlyArray<string | undefined>;
  readonly open: boolean;
}

/** @throws ImpulsError `malformed` */
export function parsePathPattern(text: string): PathPattern {
  const isPath = /^\/[^?#\s\\]*$/.test(text) && readPath(text) !== undefined;
  const written = isPath ? segmentsOf(text) : [];
  const open = written.at(-1) === '*';
  const names = open ? written.slice(0, -1) : written;
  const isWhole = names.every((name) => /^\{[^{}]+\}$/.test(name) || !/[{}*]|^$|^\.\.?$/.test(name));
  if (!isPath || !isWhole) {
    throw malformed(
      'is a path such as "/search", "/articles/{id}" or "/v1/*": a star stands at the end only',
    );
  }
  return {
    segments: names.map((name) => (name.startsWith('{') ? undefined : fold(name))),
    open,
  };
}

/** A path of a request as a server may read it. */
export type PathReading = readonly string[];

/**
 * How a path can be read: as it stands, and as a server that decodes and tidies reads it. Mostly that is one and the same. Where it
 * is not, a price has to hold for both, since nobody knows which the server does.
 *
 * @param path without query @returns undefined for what no server reads in a known way
 */
export function readPath(path: string): readonly PathReading[] | undefined {
  if (plain.test(path)) return [segmentsOf(path.toLowerCase())];
  if (!path.startsWith('/') || path.includes('#')) return undefined;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  if (/[\u0000-\u001f\u007f]/.test(decoded)) return undefined;
  return [segmentsOf(path).map(fold), tidy(decoded)];
}

export function matchesPath({ segments, open }: PathPattern, reading: PathReading): boolean {
  if (open ? reading.length < segments.length : reading.length !== segments.length) return false;
  return segments.every((segment, i) => segment === undefined || segment === reading[i]);
}

/** Whether every path of `other` is one of `pattern`. */
export function coversPath(pattern: PathPattern, other: PathPattern): boolean {
  if (pattern.open ? other.segments.length < pattern.segments.length : other.open) return false;
  if (!pattern.open && other.segments.length !== pattern.segments.length) return false;
  return pattern.segments.every((segment, i) => segment === undefined || segment === other.segments[i]);
}

/** Segments that no server reads in two ways: none is empty, begins with a dot, or has anything to decode or to cut off. */
const plain = /^\/(?:[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*(?:\/(?!\/)|$))*$/;

/** Without the slash at the end. */
function segmentsOf(path: string): string[] {
  const segments = path.slice(1).split('/');
  if (segments.at(-1) === '') segments.pop();
  return segments;
}

/** Decoded, so that what is escaped equals what is not; a slash in it stays escaped, and parts nothing. */
function fold(segment: string): string {
  return decodeURIComponent(segment).replaceAll('/', '%2f').replaceAll('\\', '%5c').toLowerCase();
}

function tidy(decoded: string): string[] {
  const segments: string[] = [];
  for (const segment of decoded.toLowerCase().split(/[/\\]/)) {
    const name = segment.split(';', 1)[0]!;
    if (name === '..') segments.pop();
    else if (name !== '' && name !== '.') segments.push(name);
  }
  return segments;
}
