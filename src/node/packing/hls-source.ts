import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ImpulsError, isImpulsError, malformed } from '../../core/errors.js';
import { parsePlaylist, playlistBytesMax, type MasterPlaylist, type MediaPlaylist } from './hls-playlist.js';
import type { FollowOptions } from './hls.js';

/** Where a film's playlists lie. */
export interface FilmPlace {
  readonly folder: string;
  /** The playlist that leads to all others, relative to the folder. */
  readonly root: string;
  readonly name: string;
}

/** What the playlists say now. */
export interface FilmState {
  readonly master?: MasterPlaylist;
  readonly media: readonly MediaPlaylist[];
}

/** How often it is looked for a film that is to be followed. */
const looksMax = 240;

/**
 * Finds the first playlist of a film. While a film is followed it may come later, and what is found must be found twice:
 * encoders write the playlists of the renditions before the one that names them.
 *
 * @throws ImpulsError `invalid-argument` if there is nothing, or more than one film; `malformed`
 */
export async function findFilm(source: string, follow: FollowOptions | undefined): Promise<FilmPlace> {
  let before: FilmPlace | undefined;
  for (let looks = 1; ; looks++) {
    let found: FilmPlace | undefined;
    try {
      found = await look(resolve(source));
    } catch (error) {
      if (!follow || follow.signal?.aborted || looks >= looksMax || !isImpulsError(error)) throw error;
    }
    if (found && (!follow || found.root === before?.root)) return found;
    before = found;
    await wait(follow?.pollMs ?? 250, undefined, { signal: follow?.signal }).catch(() => {});
  }
}

async function look(source: string): Promise<FilmPlace> {
  const found = await stat(source).catch((cause: unknown) => {
    throw new ImpulsError('invalid-argument', `${source} is not there`, { cause });
  });
  if (!found.isDirectory()) {
    const root = basename(source);
    return { folder: dirname(source), root, name: root.replace(/\.m3u8$/i, '') };
  }
  const names = (await readdir(source)).filter((name) => /\.m3u8?$/i.test(name));
  const masters: string[] = [];
  for (const name of names) {
    if (parsePlaylist(name, await readText(source, name)).kind === 'master') masters.push(name);
  }
  const roots = masters.length > 0 ? masters : names;
  if (roots.length === 1) return { folder: source, root: roots[0]!, name: basename(source) };
  if (roots.length === 0) {
    throw new ImpulsError('invalid-argument', `${source} holds no playlist (.m3u8)`, {
      hint: 'Make one with ffmpeg: -f hls -hls_playlist_type vod.',
    });
  }
  throw new ImpulsError(
    'invalid-argument',
    `${source} holds ${roots.length} playlists that could be the first`,
    {
      hint: 'Name the one to play: a master playlist, or the only rendition.',
    },
  );
}

/** @throws ImpulsError what `parsePlaylist` throws; `malformed` for a playlist that is missing */
export async function readFilm(folder: string, root: string): Promise<FilmState> {
  const first = parsePlaylist(root, await readText(folder, root));
  if (first.kind === 'media') return { media: [first] };
  const media: MediaPlaylist[] = [];
  for (const path of first.renditions) {
    const playlist = parsePlaylist(path, await readText(folder, path));
    if (playlist.kind !== 'media') throw malformed(`${path} is a master playlist inside of another`);
    media.push(playlist);
  }
  return { master: first, media };
}

async function readText(folder: string, path: string): Promise<string> {
  const file = await open(join(folder, path)).catch((cause: unknown) => {
    throw malformed(`the playlist ${path} is not there`, cause);
  });
  try {
    const { size } = await file.stat();
    if (size > playlistBytesMax) throw malformed(`${path} is too long for a playlist: ${size} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Makes the output folder, or takes an empty one.
 *
 * @returns what removes all that was written
 * @throws ImpulsError `invalid-argument` if something is in it, or if it would lie among the clear segments
 */
export async function prepareOutput(out: string, source: string): Promise<() => Promise<void>> {
  const folder = resolve(out);
  const inside = relative(source, folder);
  if (inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)) {
    throw new ImpulsError('invalid-argument', `${out} lies in the folder of the clear film`, {
      hint: 'Choose an output folder outside of it.',
    });
  }
  const made = await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) {
    throw new ImpulsError('invalid-argument', `${out} is not empty`, {
      hint: 'Choose a folder that is not there yet.',
    });
  }
  return async () => {
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  };
}
