/**
 * Shows opened HTML in a frame. Sanitising would have to know every way in which HTML can do something; the frame's sandbox
 * is the browser's own promise that no script in it runs, whatever it holds. `allow-same-origin` lets the page, and only the page, reach
 * into the frame, to give it the height of its text. What is done to the markup before is for the look of it and for the
 * reader's privacy, not what safety rests on.
 */

/** No scripts, no forms, no frames' own will; links open in the whole window, when the reader presses them. */
const sandbox =
  'allow-same-origin allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox';

/** Elements that have no place in an article, or would lead the frame elsewhere. */
const unwanted =
  'script, base, meta[http-equiv], iframe, frame, object, embed, form, link:not([rel~="stylesheet"])';
const addressed = ['src', 'poster', 'data', 'background', 'href'] as const;
const linkProtocols: readonly string[] = ['https:', 'http:', 'mailto:'];

/** The article fills the column that the page has for it. */
const reset = 'html,body{margin:0;padding:0;max-width:none;min-height:0;height:auto;background:none}';

interface TrustedPolicy {
  createHTML(html: string): string;
}

/** For pages that require Trusted Types: what this module hands to a parser or a frame goes through this policy. */
const policy: TrustedPolicy = (
  globalThis as { trustedTypes?: { createPolicy(name: string, rules: TrustedPolicy): TrustedPolicy } }
).trustedTypes?.createPolicy('impuls-article', { createHTML: (html) => html }) ?? {
  createHTML: (html) => html,
};

export interface FrameOptions {
  readonly html: string;
  /** Where the sealed file is: relative addresses in it lead from there. */
  readonly base: URL;
  /** What a screen reader calls the frame. */
  readonly title: string;
}

/** @returns a frame that takes the height of its text once it is in the page, until the signal */
export function createHtmlFrame({ html, base, title }: FrameOptions, signal: AbortSignal): HTMLIFrameElement {
  const frame = document.createElement('iframe');
  frame.title = title;
  frame.setAttribute('sandbox', sandbox);
  frame.setAttribute('referrerpolicy', 'no-referrer');
  frame.addEventListener('load', () => fit(frame, signal), { signal });
  frame.srcdoc = policy.createHTML(prepare(html, base));
  return frame;
}

function prepare(html: string, base: URL): string {
  // A document without a window: nothing in it runs or loads.
  const parsed = new DOMParser().parseFromString(policy.createHTML(html), 'text/html');
  for (const found of parsed.querySelectorAll(unwanted)) found.remove();
  for (const found of parsed.querySelectorAll('*')) {
    for (const { name } of [...found.attributes]) {
      if (/^on|^(target|ping|formaction|xlink:href|srcset)$/.test(name)) found.removeAttribute(name);
    }
    for (const name of addressed) makeAbsolute(found, name, base);
  }
  if (!parsed.querySelector('style, link')) wearPageStyle(parsed);
  // What the article may load besides what stands in it: files of this site and of its own host.
  const hosts = `'self' ${base.origin} data: blob:`;
  const rules = [
    "default-src 'none'",
    `img-src ${hosts}`,
    `media-src ${hosts}`,
    `font-src ${hosts}`,
    `style-src ${hosts} 'unsafe-inline'`,
  ];
  const meta = parsed.createElement('meta');
  meta.setAttribute('http-equiv', 'Content-Security-Policy');
  meta.setAttribute('content', rules.join('; '));
  parsed.head.prepend(meta);
  return `<!doctype html>${parsed.documentElement.outerHTML}`;
}

function makeAbsolute(found: Element, name: (typeof addressed)[number], base: URL): void {
  const value = found.getAttribute(name)?.trim();
  if (value === undefined || (name === 'href' && value.startsWith('#'))) return;
  const url = URL.canParse(value, base) ? new URL(value, base) : undefined;
  if (name !== 'href' || found.localName === 'link') {
    if (url && url.protocol !== 'javascript:') found.setAttribute(name, url.href);
    else found.removeAttribute(name);
    return;
  }
  if (url && linkProtocols.includes(url.protocol)) {
    found.setAttribute('href', url.href);
    found.setAttribute('target', '_top');
  } else found.removeAttribute('href');
}

/** An article without a style of its own looks like the page around it, in light and in dark. */
function wearPageStyle(parsed: Document): void {
  for (const { href } of document.styleSheets) {
    if (href === null) continue;
    const link = parsed.createElement('link');
    link.rel = 'stylesheet';
    link.href = href;
    parsed.head.append(link);
  }
  parsed.body.classList.add('impuls-opened');
}

function fit(frame: HTMLIFrameElement, signal: AbortSignal): void {
  const inside = frame.contentDocument;
  const view = frame.contentWindow as (Window & typeof globalThis) | null;
  if (!inside || !view) return;
  const sheet = new view.CSSStyleSheet();
  const scheme = getComputedStyle(frame).colorScheme;
  sheet.replaceSync(`${reset} :root{color-scheme:${scheme === 'normal' ? 'light dark' : scheme}}`);
  inside.adoptedStyleSheets = [...inside.adoptedStyleSheets, sheet];
  const root = inside.documentElement;
  const resize = (): void => {
    frame.style.height = `${Math.ceil(root.getBoundingClientRect().height)}px`;
  };
  const observer = new ResizeObserver(resize);
  observer.observe(root);
  signal.addEventListener('abort', () => observer.disconnect());
  resize();
  // A link within the article: the frame's base address is that of the page, so that the browser would go there.
  inside.addEventListener('click', (event) => {
    const link = (event.target as Element | null)?.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    const id = decodeURIComponent(link.getAttribute('href')!.slice(1));
    const target = id === '' ? root : inside.getElementById(id);
    target?.scrollIntoView();
    target?.focus();
  });
}
