import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inlineCode } from './markdown.mjs';
import { root } from './stage.mjs';

/** The commands that `sh` blocks and inline code name: scripts of package.json, and commands of `impuls` with their options. */
export async function checkCommands(documents, report) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const loaded = await import(join(root, 'dist/cli/commands.js'));
  const commands = await Promise.all(Object.values(loaded.commands).map((load) => load()));
  const check = (file, line, text) => {
    const code = text.replace(/(?:^|\s)#.*$/, '');
    for (const [, run, short] of code.matchAll(/\bnpm (?:run(?: -\S+)* ([\w:-]+)|(test|start)\b)/g)) {
      const name = run ?? short;
      if (!Object.hasOwn(scripts, name)) report(file, line, `package.json has no script "${name}"`);
    }
    for (const [, rest] of code.matchAll(impuls)) {
      const wrong = mistakeIn(rest.split(/\s+/).filter(Boolean), commands);
      if (wrong) report(file, line, wrong);
    }
  };
  for (const { file, blocks, prose } of documents) {
    prose.forEach((text, i) => inlineCode(text).forEach((code) => check(file, i + 1, code)));
    for (const { line, lines } of blocks.filter(({ language }) => language === 'sh')) {
      for (const [i, text] of joinContinued(lines)) check(file, line + i, text);
    }
  }
}

/** `impuls` where a command stands, and what follows it. */
const impuls = /(?:^\s*(?:\$\s+)?|[|;&(]\s*|\bnpx\s+(?:-\S+\s+)*)(?:[A-Z_]+=\S*\s+)*impuls[ \t]+([^|;&>)]*)/g;

function mistakeIn(words, commands) {
  const [first = '', second = ''] = words;
  if (/^$|^[<[…-]|^help$/.test(first)) return undefined;
  const command =
    commands.find(({ name }) => name === `${first} ${second}`) ?? commands.find(({ name }) => name === first);
  const isGroup = commands.some(({ name }) => name.startsWith(`${first} `));
  if (!command)
    return isGroup && /^$|^[<[…-]/.test(second)
      ? undefined
      : `there is no command \`impuls ${words.join(' ')}\``;
  const options = words.map((word) => /^--([a-z][\w-]*)/.exec(word)?.[1]).filter(Boolean);
  const unknown = options.find((option) => !Object.hasOwn(command.options, option));
  return unknown && `\`impuls ${command.name}\` has no option --${unknown}`;
}

/** Lines with those that continue them, by the index of the first. */
function joinContinued(lines) {
  const joined = [];
  let open = false;
  lines.forEach((line, i) => {
    if (open) joined.at(-1)[1] += line;
    else joined.push([i, line]);
    open = line.endsWith('\\');
    if (open) joined.at(-1)[1] = joined.at(-1)[1].slice(0, -1);
  });
  return joined;
}
