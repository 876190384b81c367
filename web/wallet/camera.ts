/** Reading QR codes, from the camera or from a picture. The decoder is loaded when it is needed. */

type Decode = (image: ImageData) => string | undefined;

async function loadDecoder(): Promise<Decode> {
  const { default: jsQR } = await import('jsqr');
  return ({ data, width, height }) => jsQR(data, width, height)?.data || undefined;
}

/** Longest side of what is looked at, in pixels. */
const maxSide = 1000;
const maxScale = 4;

/** @returns the text of the code in a picture; undefined if there is none */
export async function readPicture(file: Blob): Promise<string | undefined> {
  const decode = await loadDecoder();
  const bitmap = await createImageBitmap(file);
  try {
    // A small picture is looked at enlarged: the decoder wants some pixels for each square.
    for (const side of [maxSide, 2 * maxSide, maxSide / 2]) {
      const text = decode(draw(bitmap, bitmap.width, bitmap.height, side));
      if (text !== undefined) return text;
    }
    return undefined;
  } finally {
    bitmap.close();
  }
}

function draw(source: CanvasImageSource, width: number, height: number, side: number): ImageData {
  const scale = Math.min(maxScale, side / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

const everyMs = 120;

/**
 * Shows the camera in a video element and tells of each code that it sees.
 *
 * @returns what stops it
 * @throws DOMException where there is no camera, or it is not allowed
 */
export async function watchCamera(
  video: HTMLVideoElement,
  onText: (text: string) => void,
): Promise<() => void> {
  const stream = await openCamera();
  const stop = (): void => {
    clearInterval(timer);
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  try {
    const decode = await loadDecoder();
    video.srcObject = stream;
    await video.play();
    timer = setInterval(() => {
      if (video.readyState < video.HAVE_CURRENT_DATA) return;
      const text = decode(draw(video, video.videoWidth, video.videoHeight, maxSide));
      if (text !== undefined) onText(text);
    }, everyMs);
  } catch (error) {
    stop();
    throw error;
  }
  return stop;
}

function openCamera(): Promise<MediaStream> {
  // Absent where the page is not reached over TLS.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) return Promise.reject(new DOMException('no camera', 'NotFoundError'));
  return devices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
}

export function explainCamera(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError')
    return 'The camera is not allowed. Allow it for this site, or choose a picture.';
  if (name === 'NotFoundError') return 'There is no camera here. Choose a picture of the code, or type it.';
  return 'The camera does not work. Choose a picture of the code, or type it.';
}
