import { element } from './elements.js';
import { createHtmlFrame } from './html-frame.js';
import type { SealedItem } from './offers.js';
import { formatBytes } from './words.js';

/** How each kind of content is called before it is opened, and shown after. */

type Kind = 'article' | 'text' | 'image' | 'audio' | 'video' | 'document' | 'file';

/** What a browser shows as a page of its own without running any of it. SVG and HTML are not among them. */
const kinds: Readonly<Record<string, Kind>> = {
  'text/html': 'article',
  'text/plain': 'text',
  'text/markdown': 'text',
  'application/pdf': 'document',
  'image/png': 'image',
  'image/jpeg': 'image',
  'image/gif': 'image',
  'image/webp': 'image',
  'image/avif': 'image',
};

/** Text beyond this is offered as a file. */
const maxShownBytes = 16 * 1024 * 1024;

export function kindOf(type: string): Kind {
  if (Object.hasOwn(kinds, type)) return kinds[type]!;
  const [top] = type.split('/');
  return top === 'audio' || top === 'video' ? top : 'file';
}

/** What the button says before the price. */
export function verbOf(type: string): string {
  const kind = kindOf(type);
  if (kind === 'article' || kind === 'text') return 'Read for';
  if (kind === 'image') return 'See for';
  if (kind === 'audio' || kind === 'video') return 'Play for';
  return 'Get for';
}

/** Whether what was opened takes the place of the teaser. */
export function replacesTeaser(type: string): boolean {
  return kindOf(type) === 'article';
}

/**
 * @param body what was sealed; read whole. The browser keeps a large blob on its disk
 * @param signal ends what the shown content holds on to
 */
export async function presentContent(
  item: SealedItem,
  body: ReadableStream<Uint8Array>,
  title: string,
  signal: AbortSignal,
): Promise<HTMLElement> {
  const read = await new Response(body as BodyInit).blob();
  const kind = kindOf(item.type);
  if ((kind === 'article' || kind === 'text') && read.size <= maxShownBytes) {
    const text = await read.text();
    if (kind === 'article') return createHtmlFrame({ html: text, base: item.url, title }, signal);
    return element('pre', {}, text);
  }
  const blob = new Blob([read], { type: kind === 'article' ? 'application/octet-stream' : item.type });
  const url = URL.createObjectURL(blob);
  signal.addEventListener('abort', () => URL.revokeObjectURL(url));
  return present(kind, url, item, title, blob.size);
}

function present(kind: Kind, url: string, { name }: SealedItem, title: string, bytes: number): HTMLElement {
  const save = element('a', { attributes: { href: url, download: name } }, 'Save');
  const told = element('span', { attributes: { class: 'name' } }, `${name}, ${formatBytes(bytes)}`);
  switch (kind) {
    case 'image':
      return element(
        'figure',
        {},
        element('img', { attributes: { src: url, alt: title } }),
        element('figcaption', { attributes: { class: 'file' } }, told, save),
      );
    case 'audio':
    case 'video':
      return element(
        'figure',
        {},
        element(kind, { attributes: { src: url, controls: '', title } }),
        element('figcaption', { attributes: { class: 'file' } }, told, save),
      );
    case 'document': {
      const open = element(
        'a',
        { attributes: { href: url, target: '_blank', rel: 'noopener', class: 'main' } },
        'Open in a new tab',
      );
      return element('div', { attributes: { class: 'file' } }, told, open, save);
    }
    default:
      save.className = 'main';
      return element('div', { attributes: { class: 'file' } }, told, save);
  }
}
