import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, twoLines, type Sandbox } from './sandbox.js';

let box: Sandbox;
beforeAll(async () => {
  box = await createSandbox();
});
afterAll(() => box.remove());

const commands = [
  'redeem',
  'cards',
  'fetch',
  'history',
  'backup',
  'restore',
  'recover',
  'mcp',
  'vendor init',
  'vendor serve',
  'voucher create',
  'pack',
  'demo',
  'inspect',
];

describe('help', () => {
  it('lists every command', async () => {
    for (const args of [[], ['help'], ['--help']]) {
      const { code, stdout } = await box.run(args);
      expect(code).toBe(0);
      for (const name of commands) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
  });

  it('explains every command, in both ways of asking', async () => {
    for (const name of commands) {
      const [asked, flagged] = await Promise.all([
        box.run(['help', ...name.split(' ')]),
        box.run([...name.split(' '), '--help']),
      ]);
      expect(asked.code).toBe(0);
      expect(asked.stdout).toContain(`Usage: impuls ${name}`);
      expect(flagged).toEqual(asked);
    }
  });

  it('tells what the exit codes mean, and where files are', async () => {
    const codes = await box.run(['help', 'exit-codes']);
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7])
      expect(codes.stdout).toMatch(new RegExp(`^  ${code}  \\w`, 'm'));
    expect((await box.run(['help', 'files'])).stdout).toContain('IMPULS_HOME');
  });

  it('tells the version', async () => {
    expect((await box.run(['--version'])).stdout).toMatch(/^impuls \d+\.\d+\.\d+\n$/);
  });
});

describe('a mistake on the command line', () => {
  it.each([
    ['fetsh http://a/', 'there is no command `fetsh`', 'Did you mean `impuls fetch`?'],
    ['vendor serv', 'there is no command `vendor serv`', 'Did you mean `impuls vendor serve`?'],
    ['vouchr create', 'there is no command `vouchr`', 'Did you mean `impuls voucher create`?'],
    ['xyzzy', 'there is no command `xyzzy`', 'See `impuls help` for all of them.'],
    ['constructor', 'there is no command `constructor`', 'See `impuls help` for all of them.'],
    [
      'vendor',
      '`impuls vendor` needs one word more',
      expect.stringContaining('Say one of: impuls vendor init, impuls vendor serve, '),
    ],
    ['cards --wallt x', 'impuls cards: there is no option --wallt', 'Did you mean --wallet?'],
    ['cards extra', 'impuls cards: `extra` is one word too many', 'Use: impuls cards [options]'],
    ['restore', 'impuls restore: something is missing', 'Use: impuls restore <file> [options]'],
    ['redeem nowhere K7Q2M', 'the vendor is not an address', expect.stringContaining('https://news.example')],
    ['redeem http://127.0.0.1:1', 'there is no voucher code', 'Use: impuls redeem http://127.0.0.1:1 <code>'],
    ['redeem http://127.0.0.1:1 a --protocol x', '--protocol has no "x"', 'Say chain or stream.'],
    [
      'redeem http://127.0.0.1:1 a --generator chacha20',
      '--generator is for --protocol stream',
      'Add --protocol stream, or leave --generator out.',
    ],
    ['fetch localhost/x --max 1', '"localhost/x" is not an address', expect.stringContaining('scheme')],
    [
      'fetch http://127.0.0.1:1/ --max none',
      expect.stringContaining('--max is a whole number'),
      expect.anything(),
    ],
    ['fetch http://127.0.0.1:1/ --max 1 -H broken', '-H "broken" is not a header', expect.anything()],
    ['fetch http://127.0.0.1:1/ --max 1 -d @none', 'there is no file none', expect.anything()],
    ['restore none', 'there is no file none', expect.anything()],
    ['mcp --max 5', 'impuls mcp: --per-day is missing', expect.stringContaining('--per-day 100')],
    [
      'mcp --max 5 --per-day 9 --vendor news',
      expect.stringContaining('not "news"'),
      'Write it as in https://news.example.',
    ],
    ['vendor init shop --denominations 10,x', expect.stringContaining('"x"'), expect.anything()],
    [
      'vendor serve',
      expect.stringContaining('there is no vendor in'),
      expect.stringContaining('vendor init'),
    ],
  ])('is told with the next move: impuls %s', async (line, what, next) => {
    const { code, stdout, stderr } = await box.run(line.split(' '));
    expect({ code, stdout, ...twoLines(stderr) }).toEqual({ code: 2, stdout: '', what, next });
  });

  it('needs a limit before it pays', async () => {
    const { code, stderr } = await box.run(['fetch', 'http://127.0.0.1:1/']);
    expect(code).toBe(2);
    expect(twoLines(stderr).next).toContain('--max <units>');
  });

  it('is told as JSON to programs', async () => {
    const { code, stderr } = await box.run(['restore', 'none', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'invalid-argument',
        message: 'there is no file none',
        next: 'Name a file that can be read, or - for the input.',
        exit: 2,
      },
    });
  });
});

describe('an empty place', () => {
  it('has no cards, no payments and nothing to recover, and no file is made', async () => {
    expect(await box.json('cards')).toEqual([]);
    expect(await box.json('history')).toEqual([]);
    expect(await box.json('recover')).toEqual({
      redeemed: [],
      unfinished: [],
      activated: [],
      claims: [],
      waiting: [],
    });
    expect((await box.run(['backup'])).code).toBe(4);
    const { code, stderr } = await box.run(['fetch', box.origin, '--max', '1']);
    expect(code).toBe(6);
    expect(twoLines(stderr).what).toBe(`${box.origin} cannot be reached: nothing listens there`);
  });
});
