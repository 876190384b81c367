import type { Wallet } from 'impuls/client';
import type { KeyLibrary } from 'impuls/client/content';
import { useEffect, useRef, useState } from 'preact/hooks';
import { readFilmCap, writeFilmCap } from './memory.js';
import { Meter } from './meter.js';
import { Notice } from './notice.js';
import { openSession, type Screen, type Session } from './session.js';
import { describe } from './status.js';
import { TopUp } from './top-up.js';
import { Cap } from './cap.js';

interface Props {
  readonly film: string;
  readonly wallet: Wallet;
  readonly library: KeyLibrary;
  /** That the address brought. */
  readonly code?: string;
}

export function Film({ film, wallet, library, code }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const session = useRef<Session>(undefined);
  const [screen, setScreen] = useState<Screen>();
  const [cap, setCap] = useState(readFilmCap);
  const [offered, setOffered] = useState(code);
  const [toppingUp, setToppingUp] = useState(code !== undefined);

  useEffect(() => {
    const opened = openSession({ film, video: video.current!, wallet, library, cap });
    session.current = opened;
    const leave = opened.subscribe(setScreen);
    return () => {
      leave();
      opened.close();
    };
  }, [film]);

  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const { target, key, ctrlKey, metaKey, altKey } = event;
      const isFree = target === document.body || target === document.documentElement;
      if (!isFree || ctrlKey || metaKey || altKey || (key !== ' ' && key !== 'k')) return;
      event.preventDefault();
      if (video.current!.paused) session.current?.play();
      else session.current?.pause();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);

  const reason = screen?.film.status === 'stopped' ? screen.film.reason : undefined;
  const vendor = screen?.film.vendor ?? location.origin;
  const left = wallet
    .cards()
    .filter((card) => card.vendor.origin === vendor)
    .reduce((sum, card) => sum + card.left, 0);
  const isEmpty = reason?.code === 'no-card' || (left === 0 && !screen?.playing && !screen?.ended);
  const isCapped = reason?.code === 'limit-exceeded';
  const status = screen && describe(screen, left);

  const allow = (units: number): void => {
    setCap(units);
    writeFilmCap(units);
    session.current?.allow(units);
  };

  return (
    <div class="film" data-status={screen?.film.status} data-ended={screen?.ended}>
      <div class="screen">
        <video
          ref={video}
          controls={screen?.started ?? false}
          playsInline
          preload="auto"
          aria-label="The film"
        />
        {screen && !screen.started && (
          <button class="start primary" onClick={() => session.current?.play()}>
            <span aria-hidden="true">▶</span> Play
          </button>
        )}
      </div>
      <div class="panel">
        <p class="status" role="status">
          {status}
        </p>
        {screen?.problem && (
          <Notice kind="bad" {...screen.problem}>
            <div class="row">
              <button onClick={() => session.current?.retry()}>Try again</button>
            </div>
          </Notice>
        )}
        {reason && reason.code !== 'no-card' && !isCapped && (
          <Notice kind="bad" what={reason.message} {...(reason.hint && { next: reason.hint })}>
            <div class="row">
              <button onClick={() => session.current?.resume()}>Try again</button>
            </div>
          </Notice>
        )}
        {isCapped && <Cap cap={cap} reason={reason} onCap={allow} />}
        {(isEmpty || toppingUp) && (
          <TopUp
            wallet={wallet}
            vendor={vendor}
            {...(offered && { code: offered })}
            reason={reason && screen!.film.units > 0 ? 'stopped' : left === 0 ? 'empty' : 'wanted'}
            urgent={reason?.code === 'no-card'}
            onDone={() => {
              setOffered(undefined);
              setToppingUp(false);
              if (reason) session.current?.resume();
            }}
          />
        )}
        {screen && <Meter film={screen.film} cap={cap} />}
        <div class="row">
          {screen?.started && !reason && (
            <button
              class={screen.playing ? 'danger' : 'primary'}
              onClick={() => (screen.playing ? session.current?.pause() : session.current?.play())}
            >
              {screen.playing ? 'Stop' : screen.ended ? 'Play again' : 'Go on'}
            </button>
          )}
          {screen && screen.levels.length > 1 && (
            <label class="quality">
              Quality{' '}
              <select
                value={String(screen.level)}
                onChange={(event) => session.current?.choose(Number(event.currentTarget.value))}
              >
                <option value="-1">Automatic</option>
                {screen.levels.map(({ name }, at) => (
                  <option key={at} value={String(at)}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
          )}
          {!isEmpty && !toppingUp && <button onClick={() => setToppingUp(true)}>Top up</button>}
        </div>
        {!isCapped && <Cap cap={cap} onCap={allow} />}
      </div>
    </div>
  );
}
