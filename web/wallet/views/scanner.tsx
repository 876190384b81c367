import { useEffect, useRef, useState } from 'preact/hooks';
import { explainCamera, readPicture, watchCamera } from '../camera.js';

interface Props {
  /** What is looked for: `the voucher`. */
  readonly purpose: string;
  /** Told of each text that is seen. */
  readonly onText: (text: string) => 'done' | 'more';
}

/** The camera, and pictures for those who have none. */
export function Scanner({ purpose, onText }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const [said, setSaid] = useState('');
  const [failed, setFailed] = useState(false);
  const heard = useRef(onText);
  heard.current = onText;

  useEffect(() => {
    let stop: (() => void) | undefined;
    let over = false;
    watchCamera(video.current!, (text) => {
      if (heard.current(text) === 'done') stop?.();
    })
      .then((stopCamera) => {
        stop = stopCamera;
        if (over) stop();
      })
      .catch((error: unknown) => {
        if (over) return;
        setSaid(explainCamera(error));
        setFailed(true);
      });
    return () => {
      over = true;
      stop?.();
    };
  }, []);

  async function readFiles(files: FileList | null): Promise<void> {
    for (const file of files ?? []) {
      const text = await readPicture(file).catch(() => undefined);
      setSaid(text === undefined ? `There is no QR code to be seen in ${file.name}.` : '');
      if (text !== undefined && heard.current(text) === 'done') return;
    }
  }

  return (
    <div class="scanner">
      <video
        ref={video}
        hidden={failed}
        muted
        playsInline
        aria-label={`The camera, looking for ${purpose}`}
      />
      <p role="status">{said}</p>
      <label class="button">
        <input
          class="visually-hidden"
          type="file"
          accept="image/*"
          multiple
          onChange={(event) => void readFiles(event.currentTarget.files)}
        />
        Choose a picture
      </label>
    </div>
  );
}
