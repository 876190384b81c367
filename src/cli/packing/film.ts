import { contentKeyUrl } from '../../core/content-key.js';
import { ImpulsError } from '../../core/errors.js';
import type { ContentRegistry } from '../../node/content-registry.js';
import { packHls, type PackedFilm } from '../../node/packing/hls.js';
import type { Bar } from '../bar.js';
import { wholeNumber } from '../command.js';

export interface FilmOptions {
  readonly source: string;
  readonly out: string;
  /** Where its keys are sold. */
  readonly origin: string;
  readonly registry: ContentRegistry;
  readonly price: string | undefined;
  readonly every: string | undefined;
  readonly title: string | undefined;
  /** Ends following a film that grows; without it the film must have ended. */
  readonly follow: AbortSignal | undefined;
  readonly bar: Bar;
}

/** Packs a film in HLS with the keys of one vendor. @throws ImpulsError */
export async function packFilm(options: FilmOptions): Promise<PackedFilm> {
  const { source, out, origin, registry, title, follow, bar } = options;
  if (options.price === undefined) {
    throw new ImpulsError('invalid-argument', 'impuls pack needs a price', {
      hint: 'Add --price <units>: what each key of the film costs.',
    });
  }
  const created = Math.floor(Date.now() / 1000);
  return packHls({
    source,
    out,
    price: wholeNumber(options.price, '--price'),
    every: wholeNumber(options.every ?? '1', '--every'),
    ...(title !== undefined && { title }),
    ...(follow && { follow: { signal: follow } }),
    keyUrl: (id) => contentKeyUrl(origin, id),
    register: (keys) => registry.add(keys.map((key) => ({ ...key, created }))),
    onProgress: ({ done, total }) =>
      total === undefined ? bar.update(`${done} segments`, 0, 1) : bar.update('segments', done, total),
  });
}
