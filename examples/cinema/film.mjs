import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const rate = 25;
const segmentSeconds = 2;

/**
 * A film out of nothing: ffmpeg's test picture, which shows the time, and a tone. Two renditions whose segments begin at
 * the same times, as HLS: `master.m3u8`.
 */
export async function makeFilm(folder, seconds) {
  await mkdir(folder, { recursive: true });
  const source = `testsrc2=size=960x540:rate=${rate}:duration=${seconds}`;
  const tone = `sine=frequency=330:beep_factor=4:sample_rate=48000:duration=${seconds}`;
  const everyKeyFrame = String(rate * segmentSeconds);
  const words = [
    ['-hide_banner', '-loglevel', 'error', '-f', 'lavfi', '-i', source, '-f', 'lavfi', '-i', tone],
    ['-map', '0:v', '-map', '1:a', '-map', '0:v', '-map', '1:a'],
    ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'],
    ['-g', everyKeyFrame, '-keyint_min', everyKeyFrame, '-sc_threshold', '0'],
    [
      '-s:v:0',
      '480x270',
      '-b:v:0',
      '300k',
      '-b:v:1',
      '1000k',
      '-maxrate:v:1',
      '1000k',
      '-bufsize:v:1',
      '1000k',
    ],
    ['-c:a', 'aac', '-b:a', '64k', '-af', 'volume=0.3'],
    ['-f', 'hls', '-hls_time', String(segmentSeconds), '-hls_playlist_type', 'vod'],
    ['-var_stream_map', 'v:0,a:0,name:low v:1,a:1,name:high', '-master_pl_name', 'master.m3u8'],
    ['-hls_segment_filename', '%v/%03d.ts', '%v/film.m3u8'],
  ];
  try {
    await run('ffmpeg', words.flat(), { cwd: folder, timeout: 120_000 });
  } catch (error) {
    if (error.code !== 'ENOENT')
      throw new Error(`ffmpeg could not make the film: ${error.stderr ?? error.message}`);
    throw new Error(
      'ffmpeg is not here, and it makes the film.\n→ Install it (apt install ffmpeg, brew install ffmpeg), then try again.',
    );
  }
}
