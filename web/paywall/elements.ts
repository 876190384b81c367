type Content = Node | string | undefined;
type Listeners = {
  readonly [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => void;
};

export interface Features {
  /** Attributes; one that is undefined is left out. */
  readonly attributes?: Readonly<Record<string, string | undefined>>;
  readonly on?: Listeners;
}

/** An element with what is in it. Text stays text. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  { attributes = {}, on = {} }: Features = {},
  ...contents: readonly Content[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(attribute, value);
  }
  for (const [event, listener] of Object.entries(on)) {
    made.addEventListener(event, listener as EventListener);
  }
  made.append(...contents.filter((content) => content !== undefined));
  return made;
}

export function button(
  label: string,
  press: () => void,
  attributes: Features['attributes'] = {},
): HTMLButtonElement {
  return element('button', { attributes: { type: 'button', ...attributes }, on: { click: press } }, label);
}

/** A shadow root in the style of these elements. A constructed style sheet is what a strict CSP lets pass. */
export function styledRoot(host: HTMLElement, css: string): ShadowRoot {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  const root = host.attachShadow({ mode: 'open' });
  root.adoptedStyleSheets = [sheet];
  return root;
}
