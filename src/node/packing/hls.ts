import { createCipheriv, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { toBase64url } from '../../core/base64url.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { createGroups, type FilmKey, type Groups } from './hls-groups.js';
import { formatEncrypted, type MasterPlaylist, type MediaPlaylist } from './hls-playlist.js';
import { findFilm, prepareOutput, readFilm } from './hls-source.js';

export type { FilmKey } from './hls-groups.js';

export interface HlsProgress {
  /** Segments that are encrypted. */
  readonly done: number;
  /** All segments; unknown while a live stream is followed. */
  readonly total?: number;
}

export interface PackHlsOptions {
  /** A folder that holds one film as HLS, or its first playlist. */
  readonly source: string;
  /** The folder to make, for any static host. Missing or empty. */
  readonly out: string;
  /** Units that each key costs. */
  readonly price: number;
  /** Segments that share a key. Default 1. */
  readonly every?: number;
  /** For the vendor's list of keys, at most 180 characters. Default: the name of the source. */
  readonly title?: string;
  /** Where the key of an id (16 random bytes, base64url) is sold. */
  readonly keyUrl: (id: string) => string;
  /** Puts keys up for sale; durable when it resolves. Called before a byte that is encrypted with them is written. */
  readonly register: (keys: readonly FilmKey[]) => Promise<void> | void;
  readonly onProgress?: (progress: HlsProgress) => void;
  /** Goes on while the playlists grow, until they end or the signal is aborted. Default: they must have ended. */
  readonly follow?: FollowOptions;
  /** @returns that many random bytes. Default: the system's. */
  readonly random?: (length: number) => Uint8Array;
}

export interface FollowOptions {
  readonly signal?: AbortSignal;
  /** Between two looks at the playlists. Default 250. */
  readonly pollMs?: number;
}

/** What was packed. */
export interface PackedFilm {
  /** The playlist to play, relative to the folder. */
  readonly root: string;
  readonly renditions: number;
  readonly segments: number;
  readonly keys: number;
  /** Of the longest rendition. */
  readonly seconds: number;
  /** Of all encrypted segments. */
  readonly bytes: number;
  /** What the whole film costs. */
  readonly units: number;
}

/** How often a followed film may be found incomplete in a row: a playlist half written, a segment just removed. */
const patience = 40;

/**
 * Encrypts an HLS film segment by segment (AES-128-CBC, PKCS#7, a random IV each) and writes its playlists anew with the
 * addresses of the keys. The n-th group of `every` segments has one key over all renditions. The lines of the playlists stay as they are
 * otherwise; init segments stay in clear; files that no playlist names are not copied. If it fails, nothing is left in
 * `out`, unless it followed a film.
 *
 * @throws ImpulsError `malformed` for what is not HLS or lacks a segment; `unsupported` for byte ranges and partial
 *   segments; `invalid-argument` for a film that is encrypted already, renditions whose segments do not line up, an
 *   output folder that is in use, or a price or number out of range
 */
export async function packHls(options: PackHlsOptions): Promise<PackedFilm> {
  const {
    out,
    price,
    every = 1,
    follow,
    random = (length: number) => new Uint8Array(randomBytes(length)),
  } = options;
  if (!Number.isInteger(price) || price < 1 || price > limits.maxUint32) {
    throw new ImpulsError('invalid-argument', `the price of a key is a whole number of units, not ${price}`);
  }
  if (!Number.isInteger(every) || every < 1 || every > 100_000) {
    throw new ImpulsError('invalid-argument', `a key is for 1 to 100,000 segments, not ${every}`);
  }
  const film = await findFilm(options.source, follow);
  const groups = createGroups({ every, newKey });
  const discard = await prepareOutput(out, film.folder);
  const packing: Packing = { ...options, folder: film.folder, groups, random, sealed: new Map(), bytes: 0 };
  try {
    return await run(packing, film.root);
  } catch (error) {
    // What viewers have paid for stays.
    if (!follow) await discard();
    throw error;
  }

  function newKey(number: number): FilmKey {
    const title = `${(options.title ?? film.name).slice(0, 180)} ${number + 1}`;
    return { id: toBase64url(random(16)), key: random(16), price, title };
  }
}

interface Packing extends PackHlsOptions {
  readonly folder: string;
  readonly groups: Groups;
  readonly random: (length: number) => Uint8Array;
  /** IVs by path. */
  readonly sealed: Map<string, { readonly iv: Uint8Array; readonly sequence: number }>;
  bytes: number;
}

async function run(packing: Packing, root: string): Promise<PackedFilm> {
  const { follow } = packing;
  let incomplete = 0;
  let master: MasterPlaylist | undefined;
  for (;;) {
    try {
      const film = await readFilm(packing.folder, root);
      await packRound(packing, film.media);
      if (!master && film.master) {
        master = film.master;
        await place(packing, master.path, master.lines.join('\n'));
      }
      incomplete = 0;
      const ended = film.media.every((playlist) => playlist.ended);
      if (ended || follow?.signal?.aborted) return summarize(packing, root, film.media);
      if (!follow) {
        throw new ImpulsError(
          'invalid-argument',
          'the film has not ended: its playlists lack #EXT-X-ENDLIST',
          {
            hint: 'Wait until the encoder is done, or follow it while it grows (--follow).',
          },
        );
      }
    } catch (error) {
      if (!follow || !isImpulsError(error, 'malformed') || ++incomplete > patience) throw error;
    }
    await wait(follow.pollMs ?? 250, undefined, { signal: follow.signal }).catch(() => {});
  }
}

/** Encrypts what is new and writes the playlists anew. */
async function packRound(packing: Packing, media: readonly MediaPlaylist[]): Promise<void> {
  const { groups, sealed, follow } = packing;
  if (!follow && !media.every((playlist) => playlist.ended)) return;
  groups.admit(media);
  const fresh = new Map<string, number>();
  for (const { segments, path: playlist } of media) {
    for (const { path, sequence } of segments) {
      const known = fresh.get(path) ?? sealed.get(path)?.sequence ?? sequence;
      if (known !== sequence) {
        throw new ImpulsError('invalid-argument', `${playlist} names ${path} twice`, {
          hint: 'Give each segment a name of its own.',
        });
      }
      if (!sealed.has(path)) fresh.set(path, sequence);
    }
  }
  const inits = new Set(media.flatMap((playlist) => playlist.inits.map((init) => init.path)));
  for (const path of [...fresh.keys(), ...inits]) await checkFile(packing.folder, path);

  const keys = groups.takeNew();
  if (keys.length > 0) await packing.register(keys);
  for (const path of inits) {
    await makeFolder(packing, path);
    await copyFile(join(packing.folder, path), join(packing.out, path));
  }
  for (const [path, sequence] of fresh) {
    const iv = packing.random(16);
    packing.bytes += await encryptSegment(packing, path, groups.keyOf(sequence).key, iv);
    sealed.set(path, { iv, sequence });
    packing.onProgress?.({ done: sealed.size, ...(!follow && { total: fresh.size }) });
  }
  for (const playlist of media) {
    const keysOf = playlist.segments.map(({ path, sequence }) => ({
      url: packing.keyUrl(groups.keyOf(sequence).id),
      iv: sealed.get(path)!.iv,
    }));
    await place(packing, playlist.path, formatEncrypted(playlist, keysOf));
  }
  if (follow) await dropOld(packing, media);
}

async function encryptSegment(
  { folder, out }: Packing,
  path: string,
  key: Uint8Array,
  iv: Uint8Array,
): Promise<number> {
  const target = join(out, path);
  await mkdir(dirname(target), { recursive: true });
  try {
    await pipeline(
      createReadStream(join(folder, path)),
      createCipheriv('aes-128-cbc', key, iv),
      createWriteStream(target, { flags: 'w' }),
    );
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw missing(path, cause);
    throw cause;
  }
  return (await stat(target)).size;
}

/** What a live stream's encoder has removed is removed here as well. */
async function dropOld({ folder, out, sealed }: Packing, media: readonly MediaPlaylist[]): Promise<void> {
  const listed = new Set(media.flatMap((playlist) => playlist.segments.map(({ path }) => path)));
  for (const path of sealed.keys()) {
    if (listed.has(path) || (await isFile(join(folder, path)))) continue;
    await rm(join(out, path), { force: true });
  }
}

/** Puts a playlist in place: a player sees the one before or this one. */
async function place(packing: Packing, path: string, text: string): Promise<void> {
  await makeFolder(packing, path);
  const target = join(packing.out, path);
  await writeFile(`${target}.new`, text);
  await rename(`${target}.new`, target);
}

async function makeFolder({ out }: Packing, path: string): Promise<void> {
  await mkdir(dirname(join(out, path)), { recursive: true });
}

async function checkFile(folder: string, path: string): Promise<void> {
  if (!(await isFile(join(folder, path)))) throw missing(path);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

function missing(path: string, cause?: unknown): ImpulsError {
  return new ImpulsError('malformed', `the playlist names ${path}, which is not there`, {
    cause,
    hint: 'Let the encoder finish, or make the film again.',
  });
}

function summarize(packing: Packing, root: string, media: readonly MediaPlaylist[]): PackedFilm {
  const keys = packing.groups.count();
  return {
    root,
    renditions: media.length,
    segments: packing.sealed.size,
    keys,
    seconds: packing.groups.seconds(),
    bytes: packing.bytes,
    units: keys * packing.price,
  };
}
