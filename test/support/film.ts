import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Test films, made by ffmpeg from its own pictures and tones. */
export interface FilmOptions {
  readonly seconds: number;
  /** Of a segment. Default 1. */
  readonly every?: number;
  /** `h264`: H.264 and AAC in MPEG-TS. `vp9`: VP9 and Opus in fragmented MP4. */
  readonly codec?: 'h264' | 'vp9';
  readonly renditions?: 1 | 2;
}

export const framesPerSecond = 25;

/** Makes `master.m3u8` for two renditions, `film.m3u8` for one. */
export async function makeFilm(folder: string, options: FilmOptions): Promise<void> {
  await mkdir(folder, { recursive: true });
  await run('ffmpeg', filmArguments(options), { cwd: folder, timeout: 60_000 });
}

/** The same in real time, as a playlist that grows. */
export function startLiveFilm(folder: string, options: FilmOptions): ChildProcess {
  return spawn('ffmpeg', filmArguments(options, 'live'), { cwd: folder, stdio: 'ignore' });
}

function filmArguments({ seconds, every = 1, codec = 'h264', renditions = 1 }: FilmOptions, mode = 'vod') {
  const input = mode === 'live' ? ['-re'] : [];
  const sources = [
    [...input, '-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=${framesPerSecond}:duration=${seconds}`],
    [...input, '-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${seconds}`],
  ].flat();
  const keyFrames = ['-g', String(framesPerSecond * every), '-keyint_min', String(framesPerSecond * every)];
  const encoders =
    codec === 'h264'
      ? [
          '-c:v',
          'libx264',
          '-preset',
          'ultrafast',
          '-sc_threshold',
          '0',
          '-pix_fmt',
          'yuv420p',
          '-c:a',
          'aac',
        ]
      : [
          '-c:v',
          'libvpx-vp9',
          '-deadline',
          'realtime',
          '-cpu-used',
          '8',
          '-pix_fmt',
          'yuv420p',
          '-c:a',
          'libopus',
        ];
  const kind = codec === 'h264' ? 'mpegts' : 'fmp4';
  const hls = [
    ['-f', 'hls', '-hls_time', String(every), '-hls_segment_type', kind],
    mode === 'live' ? ['-hls_list_size', '0'] : ['-hls_playlist_type', 'vod'],
  ].flat();
  const extension = codec === 'h264' ? 'ts' : 'm4s';
  const outputs =
    renditions === 1
      ? [...hls, '-hls_segment_filename', `film_%03d.${extension}`, 'film.m3u8']
      : [
          ['-map', '0:v', '-map', '1:a', '-map', '0:v', '-map', '1:a'],
          ['-b:v:0', '150k', '-b:v:1', '500k', '-s:v:0', '160x90'],
          ...[hls, ['-var_stream_map', 'v:0,a:0 v:1,a:1', '-master_pl_name', 'master.m3u8']],
          ...[['-hls_segment_filename', join('%v', `film_%03d.${extension}`), join('%v', 'film.m3u8')]],
        ].flat();
  return [
    '-hide_banner',
    '-loglevel',
    'error',
    '-y',
    ...sources,
    ...encoders,
    ...keyFrames,
    '-b:a',
    '64k',
    ...outputs,
  ];
}
