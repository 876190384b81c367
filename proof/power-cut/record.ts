import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ImpulsError } from '../../src/core/errors.js';
import { parseTrace, type Step } from './trace.js';

/** Runs a program of this folder, and records what it asks of the operating system. */

const strace = '/usr/bin/strace';
/** What may change a file, and those that must not be met because they are not followed. */
const traced = [
  'open,openat,creat,close,lseek,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,ftruncate,truncate',
  'rename,renameat,renameat2,unlink,unlinkat,link,linkat,mkdir,mkdirat,fallocate,copy_file_range,sendfile,dup,dup3',
].join(',');

/** Where a program tells what it knows: the trace has it, in order with the rest. */
export const tellDescriptor = 3;

/** @throws ImpulsError `unsupported` that says what to install */
export function checkMachine(): void {
  if (process.platform === 'linux' && existsSync(strace)) return;
  throw new ImpulsError('unsupported', 'system calls are recorded by strace, on Linux', {
    hint: 'apt-get update && apt-get install -y --no-install-recommends strace',
  });
}

// Another copy of it than the one that waits for this program to end.
const bundler = new URL('../../tools/run-ts.mjs?bundler', import.meta.url).href;
const bundles = new Map<string, Promise<string>>();

function bundleOf(name: string): Promise<string> {
  let made = bundles.get(name);
  if (!made) {
    const entry = new URL(`../../proof/power-cut/${name}.ts`, import.meta.url).pathname;
    made = import(bundler).then((tools: { bundle: (entry: string) => Promise<string> }) =>
      tools.bundle(entry),
    );
    bundles.set(name, made);
  }
  return made;
}

export async function removeBundles(): Promise<void> {
  for (const file of await Promise.all(bundles.values())) {
    for (const made of [file, `${file}.map`]) rmSync(made, { force: true });
  }
}

/** @param trace the file that the trace goes to for a while */
export async function record(name: string, settings: object, trace: string): Promise<Step[]> {
  const program = [process.execPath, await bundleOf(name), JSON.stringify(settings)];
  const options = [
    '-f',
    '-xx',
    '-s',
    '2000000',
    '--seccomp-bpf',
    '-e',
    'signal=none',
    '-e',
    `trace=${traced}`,
  ];
  const child = spawn(strace, [...options, '-o', trace, ...program], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  (child.stdio[tellDescriptor] as Readable).resume();
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) {
    const hint = 'See that strace may follow a process here: a container needs the capability SYS_PTRACE.';
    throw new ImpulsError('unsupported', `${name} ended with ${code} under strace`, { hint });
  }
  const steps = parseTrace(readFileSync(trace, 'latin1'));
  rmSync(trace);
  return steps;
}

/** What a program told by a step, if it did. */
export function toldBy({ moment, call }: Step): readonly string[] | undefined {
  if (moment !== 'begins' || call.name !== 'write' || Number(call.args[0]) !== tellDescriptor)
    return undefined;
  return call.args[1]!.toString().trimEnd().split(' ');
}
