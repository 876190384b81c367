import type { Paint } from './paint.js';
import type { Output } from './terminal.js';

/** One line that moves while something takes long. Nothing where nobody watches. */
export interface Bar {
  /**
   * @param total of one thing no bar is drawn, only what is done
   * @param format how the two numbers are shown; default: as they are
   */
  update(label: string, done: number, total: number, format?: (number: number) => string): void;
  /** Wipes the line. */
  clear(): void;
}

const width = 24;

export function createBar(stream: Output, paint: Paint): Bar {
  let shown = false;
  return {
    update(label, done, total, format = String) {
      if (!stream.isTTY) return;
      const filled = Math.round((width * done) / Math.max(total, 1));
      const bar = paint.green('█'.repeat(filled)) + paint.dim('░'.repeat(width - filled));
      stream.write(`\r\u001b[2K${total > 1 ? `${bar} ${format(done)}/${format(total)} ` : '… '}${label}`);
      shown = true;
    },
    clear() {
      if (shown) stream.write('\r\u001b[2K');
      shown = false;
    },
  };
}
