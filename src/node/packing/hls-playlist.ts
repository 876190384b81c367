import { posix } from 'node:path';
import { ImpulsError, malformed } from '../../core/errors.js';

/**
 * HLS playlists (RFC 8216), read strictly and written back with only those lines changed that must change. A playlist
 * is its lines; what is understood of it points into them.
 */

/** Bytes of a playlist: a day of one-second segments fits. */
export const playlistBytesMax = 16 << 20;
const renditionsMax = 64;

export interface MediaSegment {
  /** Its media sequence number. */
  readonly sequence: number;
  /** Seconds. */
  readonly duration: number;
  /** Relative to the film's folder. */
  readonly path: string;
  /** The line before which its key stands. */
  readonly line: number;
}

/** What `EXT-X-MAP` names: the head of the fMP4 segments that follow. */
export interface InitSegment {
  readonly path: string;
  readonly line: number;
}

export interface MediaPlaylist {
  readonly kind: 'media';
  readonly path: string;
  readonly lines: readonly string[];
  readonly segments: readonly MediaSegment[];
  readonly inits: readonly InitSegment[];
  /** Whether no segment will be added. */
  readonly ended: boolean;
}

export interface MasterPlaylist {
  readonly kind: 'master';
  readonly path: string;
  readonly lines: readonly string[];
  /** Paths of the media playlists, relative to the film's folder, each once. */
  readonly renditions: readonly string[];
}

/** How the segment at a place is encrypted. */
export interface SegmentKey {
  readonly url: string;
  /** 16 bytes. */
  readonly iv: Uint8Array;
}

/**
 * @param path of the playlist, relative to the film's folder
 * @throws ImpulsError `malformed`; `unsupported` for byte ranges and partial segments; `invalid-argument` if it is
 *   encrypted already
 */
export function parsePlaylist(path: string, text: string): MasterPlaylist | MediaPlaylist {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (lines[0]?.trimEnd() !== '#EXTM3U') {
    throw malformed(`${path} is not an HLS playlist: its first line is not #EXTM3U`);
  }
  const isMaster = lines.some((line) => /^#EXT-X-(?:STREAM-INF|MEDIA):/.test(line));
  const isMedia = lines.some((line) => /^#(?:EXTINF|EXT-X-TARGETDURATION|EXT-X-MEDIA-SEQUENCE):/.test(line));
  if (isMaster === isMedia) {
    throw malformed(`${path} is ${isMaster ? 'a master and a media playlist at once' : 'an empty playlist'}`);
  }
  return isMaster ? parseMaster(path, lines) : parseMedia(path, lines);
}

function parseMaster(path: string, lines: readonly string[]): MasterPlaylist {
  const renditions = new Set<string>();
  let announced = false;
  for (const line of lines) {
    const { tag, value } = splitTag(line);
    if (tag === 'EXT-X-SESSION-KEY') throw encrypted(path);
    if (tag === 'EXT-X-I-FRAME-STREAM-INF' || tag === 'EXT-X-DEFINE') throw unsupported(path, tag);
    if (tag === 'EXT-X-STREAM-INF') announced = true;
    else if (tag === 'EXT-X-MEDIA') {
      const uri = parseAttributes(path, value).get('URI');
      if (uri !== undefined) renditions.add(resolveUri(path, uri));
    } else if (isUri(line)) {
      if (!announced) throw malformed(`${path} names ${line} without #EXT-X-STREAM-INF`);
      renditions.add(resolveUri(path, line));
      announced = false;
    }
  }
  if (renditions.size === 0 || renditions.size > renditionsMax) {
    throw malformed(`${path} has ${renditions.size} renditions; 1 to ${renditionsMax} are read`);
  }
  return { kind: 'master', path, lines, renditions: [...renditions] };
}

const refusedTags = new Set([
  'EXT-X-BYTERANGE',
  'EXT-X-I-FRAMES-ONLY',
  'EXT-X-PART',
  'EXT-X-PART-INF',
  'EXT-X-PRELOAD-HINT',
  'EXT-X-SKIP',
  'EXT-X-GAP',
  'EXT-X-DEFINE',
]);

function parseMedia(path: string, lines: readonly string[]): MediaPlaylist {
  const segments: MediaSegment[] = [];
  const inits: InitSegment[] = [];
  let sequence = 0;
  let ended = false;
  let next: { duration: number; line: number } | undefined;
  for (const [at, line] of lines.entries()) {
    const { tag, value } = splitTag(line);
    if (refusedTags.has(tag)) throw unsupported(path, tag);
    if (tag === 'EXT-X-MEDIA-SEQUENCE') {
      if (segments.length > 0 || !/^\d{1,15}$/.test(value)) {
        throw malformed(`${path}, line ${at + 1}: a media sequence number that cannot be read`);
      }
      sequence = Number(value);
    } else if (tag === 'EXT-X-KEY') {
      if (parseAttributes(path, value).get('METHOD') !== 'NONE') throw encrypted(path);
    } else if (tag === 'EXT-X-MAP') {
      const attributes = parseAttributes(path, value);
      const uri = attributes.get('URI');
      if (uri === undefined) throw malformed(`${path}, line ${at + 1}: #EXT-X-MAP without a URI`);
      if (attributes.has('BYTERANGE')) throw unsupported(path, 'EXT-X-MAP with BYTERANGE');
      inits.push({ path: resolveUri(path, uri), line: at });
      // A key before it would cover it, too.
      if (next) next.line = at + 1;
    } else if (tag === 'EXTINF') {
      const duration = Number(/^\d+(?:\.\d+)?(?=,|$)/.exec(value)?.[0] ?? NaN);
      if (!(duration <= 86_400)) throw malformed(`${path}, line ${at + 1}: #EXTINF without a duration`);
      next = { duration, line: at };
    } else if (tag === 'EXT-X-ENDLIST') ended = true;
    else if (isUri(line)) {
      if (!next) throw malformed(`${path}, line ${at + 1}: a segment without #EXTINF`);
      const { duration } = next;
      segments.push({ sequence: sequence++, duration, path: resolveUri(path, line), line: next.line });
      next = undefined;
    }
  }
  if (next) throw malformed(`${path} ends in the middle of a segment's lines`);
  return { kind: 'media', path, lines, segments, inits, ended };
}

/**
 * The playlist with a key before each segment whose key or IV is another than before. Init segments stay in clear: one
 * that follows a key is put after `METHOD=NONE`. A version that is too low for an explicit IV is raised.
 *
 * @param keys of the segments, in their order
 */
export function formatEncrypted(playlist: MediaPlaylist, keys: readonly SegmentKey[]): string {
  const before = new Map<number, string>();
  let inForce: string | undefined;
  const marks = [
    ...playlist.inits.map(({ line }) => ({ line, rank: 0, tag: undefined })),
    ...playlist.segments.map(({ line }, at) => ({ line, rank: 1, tag: formatKey(keys[at]!) })),
  ].sort((one, other) => one.line - other.line || one.rank - other.rank);
  for (const { line, tag } of marks) {
    if (tag !== undefined && tag !== inForce) before.set(line, tag);
    if (tag === undefined && inForce !== undefined) before.set(line, '#EXT-X-KEY:METHOD=NONE');
    inForce = tag;
  }
  const version = playlist.lines.findIndex((line) => line.startsWith('#EXT-X-VERSION:'));
  const written: string[] = [];
  for (const [at, line] of playlist.lines.entries()) {
    const key = before.get(at);
    if (key !== undefined) written.push(key);
    if (at === version && Number(line.slice('#EXT-X-VERSION:'.length)) < 2) written.push('#EXT-X-VERSION:2');
    else if (!line.startsWith('#EXT-X-KEY:')) written.push(line);
    if (at === 0 && version < 0) written.push('#EXT-X-VERSION:2');
  }
  return written.join('\n');
}

function formatKey({ url, iv }: SegmentKey): string {
  return `#EXT-X-KEY:METHOD=AES-128,URI="${url}",IV=0x${Buffer.from(iv).toString('hex')}`;
}

function splitTag(line: string): { readonly tag: string; readonly value: string } {
  if (!line.startsWith('#EXT')) return { tag: '', value: '' };
  const colon = line.indexOf(':');
  return colon < 0
    ? { tag: line.slice(1).trimEnd(), value: '' }
    : { tag: line.slice(1, colon), value: line.slice(colon + 1).trimEnd() };
}

function isUri(line: string): boolean {
  return line.trim() !== '' && !line.startsWith('#');
}

/** RFC 8216 §4.2. Values of quoted strings without the quotes. */
function parseAttributes(path: string, text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  const pattern = /([A-Z0-9-]+)=(?:"([^"]*)"|([^",]+))(?:,\s*|$)/y;
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text);
    if (!found) throw malformed(`${path} has an attribute list that cannot be read`);
    attributes.set(found[1]!, found[2] ?? found[3]!);
  }
  return attributes;
}

/** The file that a playlist names, relative to the film's folder; never outside of it. */
function resolveUri(playlist: string, uri: string): string {
  const outside = () =>
    new ImpulsError('invalid-argument', `${playlist} names ${uri}, which is not a file of its folder`, {
      hint: 'Let the packager write relative names, and keep all files in one folder.',
    });
  let name: string;
  try {
    name = decodeURIComponent(uri.trim());
  } catch {
    throw outside();
  }
  if (/^[a-z][a-z\d+.-]*:|^[/\\]|[?#\\\0]/i.test(uri) || name.includes('\0')) throw outside();
  const path = posix.normalize(posix.join(posix.dirname(playlist), name));
  if (path === '.' || path.startsWith('..') || posix.isAbsolute(path)) throw outside();
  return path;
}

function encrypted(path: string): ImpulsError {
  return new ImpulsError('invalid-argument', `${path} is encrypted already`, {
    hint: 'Make the playlists without a key, and let impuls encrypt them.',
  });
}

function unsupported(path: string, tag: string): ImpulsError {
  const hint = /BYTERANGE|I-FRAME/.test(tag)
    ? 'Let the packager write each segment into a file of its own; with ffmpeg, leave out the flag single_file.'
    : 'Make the playlists without it.';
  return new ImpulsError('unsupported', `${path} uses ${tag}, which cannot be encrypted by whole segments`, {
    hint,
  });
}
