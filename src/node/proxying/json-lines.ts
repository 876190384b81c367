/** Where the members of a JSON text stand, so that a mistake can be shown to whoever wrote it. */
export interface JsonLines {
  /** The line of a member, from 1: where its name stands, or an element begins. Of what is not there, that of what would hold it. */
  lineOf(path: ReadonlyArray<string | number>): number;
}

/** Where a text stops being JSON: its line, and what is wrong. */
export interface JsonSlip {
  readonly line: number;
  readonly what: string;
}

type Found = JsonLines | { readonly slip: JsonSlip };

/** Members nest as deep as this at most. */
const maxDepth = 64;

export function locateJson(text: string): Found {
  const lines = new Map<string, number>();
  let at = 0;
  let line = 1;
  let slip: JsonSlip | undefined;

  function fail(what: string): false {
    slip ??= { line, what };
    return false;
  }

  function skip(): void {
    for (; at < text.length; at++) {
      const character = text[at]!;
      if (character === '\n') line++;
      else if (!' \t\r'.includes(character)) return;
    }
  }

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? [];
    if (found !== undefined) at += found.length;
    return found;
  }

  function seen(): string {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    return at >= text.length ? 'the end of the file' : `\`${character}\``;
  }

  function name(): string | undefined {
    const found = take(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
    return found === undefined ? undefined : (JSON.parse(found) as string);
  }

  /** The members of an object or array, up to its end. */
  function list(end: string, member: (index: number) => boolean): boolean {
    at++;
    skip();
    if (text[at] === end) return at++ >= 0;
    for (let index = 0; ; index++) {
      if (!member(index)) return false;
      skip();
      if (text[at] === end) return at++ >= 0;
      if (text[at] !== ',') return fail(`here is ${seen()} where "," or "${end}" stands`);
      at++;
      skip();
      if (text[at] === end) return fail('the "," before this has nothing after it');
    }
  }

  function value(path: string, depth: number): boolean {
    skip();
    if (!lines.has(path)) lines.set(path, line);
    if (depth > maxDepth) return fail('this is nested too deep');
    if (text[at] === '{') {
      const names = new Set<string>();
      return list('}', () => {
        skip();
        const begin = line;
        const key = name();
        if (key === undefined) return fail(`here is ${seen()} where a name in double quotes stands`);
        if (names.has(key)) return fail(`"${key}" stands here twice`);
        names.add(key);
        const inner = `${path}/${JSON.stringify(key)}`;
        lines.set(inner, begin);
        skip();
        if (text[at] !== ':') return fail(`here is ${seen()} where ":" stands`);
        at++;
        return value(inner, depth + 1);
      });
    }
    if (text[at] === '[') return list(']', (index) => value(`${path}/${index}`, depth + 1));
    const isScalar =
      name() !== undefined ||
      take(/(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y) !== undefined;
    return isScalar || fail(`here is ${seen()} where a value stands`);
  }

  if (value('', 0)) {
    skip();
    if (at < text.length) fail(`here is ${seen()} where the file ends`);
  }
  if (slip) return { slip };
  return {
    lineOf(path) {
      const parts = path.map((part) => (typeof part === 'number' ? `/${part}` : `/${JSON.stringify(part)}`));
      for (let length = parts.length; length > 0; length--) {
        const found = lines.get(parts.slice(0, length).join(''));
        if (found !== undefined) return found;
      }
      return lines.get('') ?? 1;
    },
  };
}
