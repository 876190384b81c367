/** The look of both elements. A page changes it by the custom properties, which are inherited. */

const tokens = `
:host {
  --accent: var(--impuls-accent, light-dark(#0b57d0, #a8c7fa));
  --on-accent: var(--impuls-on-accent, light-dark(#ffffff, #062e6f));
  --panel: var(--impuls-panel, light-dark(#f3f5f9, #1f242c));
  --line: var(--impuls-line, light-dark(#747b87, #8a92a0));
  --quiet: var(--impuls-quiet, light-dark(#4a515c, #b4bcc8));
  --alarm: var(--impuls-alarm, light-dark(#a40e26, #ffb3b8));
  display: block;
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
button, input { font: inherit; color: inherit; min-height: 2.75rem; border-radius: .5rem; }
button, a.main {
  border: 1px solid var(--line); background: transparent; padding: .5rem 1rem; cursor: pointer;
}
a { color: var(--accent); }
a.main { display: inline-flex; align-items: center; min-height: 2.75rem; border-radius: .5rem; text-decoration: none; }
.main { background: var(--accent) !important; color: var(--on-accent) !important; border-color: transparent !important; font-weight: 600; }
button:disabled { opacity: .65; cursor: default; }
:is(button, input, a, summary, iframe):focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
input { border: 1px solid var(--line); background: light-dark(#fff, #12161c); padding: .5rem .75rem; min-width: 0; }
input[aria-invalid="true"] { border-color: var(--alarm); }
label { font-weight: 600; display: block; margin: 0 0 .25rem; }
p { margin: 0 0 .75rem; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.redeem input { flex: 1 1 15rem; font-variant-numeric: tabular-nums; text-transform: uppercase; }
.redeem input::placeholder { color: var(--quiet); opacity: .75; }
.message { margin: .5rem 0 0; }
p:empty { margin: 0 !important; }
.quiet { color: var(--quiet); font-size: .9375em; }
`;

export const articleStyle = `${tokens}
.panel { background: var(--panel); border-radius: .75rem; padding: 1rem 1.25rem; margin: 1rem 0; overflow-wrap: anywhere; }
.panel > div > :last-child { margin-bottom: 0; }
.panel h2 { font-size: 1.125rem; margin: 0 0 .5rem; }
.trouble { color: var(--alarm); font-weight: 600; margin-bottom: .25rem; }
progress { width: 100%; height: .5rem; accent-color: var(--accent); }
iframe { display: block; width: 100%; border: 0; height: 20rem; color-scheme: inherit; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
figure { margin: 0; }
img, video, audio { display: block; max-width: 100%; width: 100%; height: auto; margin-bottom: .5rem; }
audio { height: 3rem; }
.file { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; }
.file .name { flex: 1 1 12rem; overflow-wrap: anywhere; }
.opened:focus, .panel:focus { outline: none; }
`;

export const cardStyle = `${tokens}
:host { position: relative; width: fit-content; }
details > summary { cursor: pointer; list-style: none; border: 1px solid var(--line); border-radius: 2rem; padding: .5rem 1rem; display: inline-flex; align-items: center; min-height: 2.75rem; font-size: .9375rem; }
summary::-webkit-details-marker { display: none; }
summary::after { content: ''; width: .4em; height: .4em; margin-left: .6em; border: solid currentColor; border-width: 0 2px 2px 0; transform: rotate(45deg) translate(-15%, -15%); }
details[open] > summary::after { transform: rotate(225deg) translate(-30%, -30%); }
.sheet {
  position: absolute; z-index: 10; left: 0; top: calc(100% + .5rem); width: min(24rem, calc(100vw - 2rem));
  background: light-dark(#fff, #1a1f27); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.25rem;
  box-shadow: 0 .5rem 2rem rgb(0 0 0 / .25); display: grid; gap: 1rem;
}
.sheet[data-side='right'] { left: auto; right: 0; }
.sheet > * { margin: 0; }
@media (max-width: 40rem) {
  :host { position: static; }
  .sheet[data-side] { top: auto; left: 1rem; right: 1rem; width: auto; margin-top: .5rem; }
}
.limit input { width: 7rem; }
`;
