import { ImpulsError } from '../../core/errors.js';
import type { MediaPlaylist } from './hls-playlist.js';

/** A key of a film, as it is put up for sale. */
export interface FilmKey {
  /** 16 random bytes as base64url. */
  readonly id: string;
  /** 16 bytes, secret: the AES-128 key of some segments. */
  readonly key: Uint8Array;
  /** Units. */
  readonly price: number;
  readonly title: string;
}

/** Which segments share a key, over all renditions. */
export interface Groups {
  /**
   * Takes what the playlists list now.
   *
   * @throws ImpulsError `invalid-argument` if the segments of one rendition begin at other times than those of another
   */
  admit(media: readonly MediaPlaylist[]): void;
  /** The keys that were made since the last call. */
  takeNew(): readonly FilmKey[];
  /** @param sequence the media sequence number of an admitted segment */
  keyOf(sequence: number): FilmKey;
  count(): number;
  /** What was admitted, of the longest rendition. */
  seconds(): number;
}

/** How far apart the same segment of two renditions may begin. Audio is cut between its own frames. */
const toleranceSeconds = 0.25;

interface Timeline {
  first: number;
  next: number;
  end: number;
}

export function createGroups(options: {
  readonly every: number;
  readonly newKey: (group: number) => FilmKey;
}): Groups {
  const { every, newKey } = options;
  const keys = new Map<number, FilmKey>();
  let fresh: FilmKey[] = [];
  /** When a segment begins, by its number, as the first rendition that had it says. */
  const starts = new Map<number, number>();
  const timelines = new Map<string, Timeline>();
  let first: number | undefined;
  /** The last segment that all renditions have, once they have ended. */
  let last = Infinity;

  const groupOf = (sequence: number): number => Math.floor((Math.min(sequence, last) - (first ?? 0)) / every);

  function follow({ path, segments }: MediaPlaylist): void {
    const begins = segments[0]?.sequence;
    if (begins === undefined) return;
    first ??= begins;
    const timeline = timelines.get(path) ?? { first: begins, next: begins, end: starts.get(begins) ?? 0 };
    if (timeline.first !== first && !starts.has(timeline.first)) {
      throw misaligned(path, `it begins with segment ${timeline.first}, another with ${first}`);
    }
    timelines.set(path, timeline);
    for (const { sequence, duration } of segments) {
      if (sequence < timeline.next) continue;
      if (sequence > timeline.next) {
        // A live window that went by while nobody looked: the time between is as long as it was elsewhere.
        timeline.end = starts.get(sequence) ?? timeline.end + (sequence - timeline.next) * duration;
      }
      const start = starts.get(sequence);
      if (start === undefined) starts.set(sequence, timeline.end);
      else if (Math.abs(start - timeline.end) > toleranceSeconds) {
        const times = `${timeline.end.toFixed(2)} s, in another at ${start.toFixed(2)} s`;
        throw misaligned(path, `segment ${sequence} begins at ${times}`);
      }
      timeline.next = sequence + 1;
      timeline.end += duration;
    }
  }

  return {
    admit(media) {
      for (const playlist of media) follow(playlist);
      const lasts = media.map(({ path }) => (timelines.get(path)?.next ?? 0) - 1);
      if (media.every(({ ended }) => ended)) {
        const [least, most] = [Math.min(...lasts), Math.max(...lasts)];
        if (most - least > 1) {
          const path = media[lasts.indexOf(least)]!.path;
          throw misaligned(path, `it ends with segment ${least}, another with ${most}`);
        }
        // A rest of sound that is a little longer than the picture costs no key of its own.
        if (!keys.has(groupOf(most))) last = least;
      }
      for (const sequence of starts.keys()) {
        const group = groupOf(sequence);
        if (keys.has(group)) continue;
        const made = newKey(group);
        keys.set(group, made);
        fresh.push(made);
      }
    },
    takeNew() {
      const taken = fresh;
      fresh = [];
      return taken;
    },
    keyOf: (sequence) => keys.get(groupOf(sequence))!,
    count: () => keys.size,
    seconds: () => Math.max(0, ...[...timelines.values()].map(({ end }) => end)),
  };
}

function misaligned(path: string, what: string): ImpulsError {
  return new ImpulsError(
    'invalid-argument',
    `the segments of ${path} do not line up with the others: ${what}`,
    {
      hint: 'Encode all renditions with key frames at the same times; with ffmpeg, set -g and -keyint_min, or -force_key_frames.',
    },
  );
}
