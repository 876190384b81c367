import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { createStage, root } from './stage.mjs';

/**
 * Blocks marked `ts` are modules that compile against the built package; one marked `ts more` goes on with the block before
 * it. A module with a block marked `run` is also run, in a fresh folder.
 */
export async function checkTypescript(documents, report) {
  const all = documents.flatMap((document) => modulesOf(document, report));
  if (all.length === 0) return;
  const stage = createStage();
  try {
    const { peerDependencies, devDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    stage.link(Object.keys({ ...peerDependencies, ...devDependencies }));
    const modules = new Map(all.map((module) => [join(stage.folder, module.name), module]));
    for (const [path, { text }] of modules) writeFileSync(path, text);
    for (const { path, line, message } of compile([...modules.keys()])) {
      report(modules.get(path)?.file ?? path, line, message);
    }
    for (const [path, { text, runs, file, line }] of modules) {
      const failure = runs && (await run(stage, path, text));
      if (failure) report(file, line, failure);
    }
  } finally {
    stage.remove();
  }
}

function run(stage, path, text) {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target };
  const script = path.replace(/ts$/, 'mjs');
  writeFileSync(script, ts.transpileModule(text, { compilerOptions }).outputText);
  return stage.run(process.execPath, [script]);
}

const target = ts.ScriptTarget.ES2023;

/** Each module is as long as its document and has its lines where they stand there. */
function modulesOf({ file, length, blocks }, report) {
  const modules = [];
  for (const { flags, line, lines } of blocks.filter(({ language }) => language === 'ts')) {
    if (flags.includes('more') && modules.length === 0)
      report(file, line, 'there is no block before it to go on with');
    if (!flags.includes('more') || modules.length === 0) {
      modules.push({ line, runs: false, lines: new Array(length).fill('') });
    }
    const module = modules.at(-1);
    module.runs ||= flags.includes('run');
    module.lines.splice(line - 1, lines.length, ...lines);
  }
  return modules.map(({ line, runs, lines }) => ({
    file,
    line,
    runs,
    name: `${file.replaceAll(/\W/g, '-')}-${line}.ts`,
    text: lines.join('\n'),
  }));
}

function compile(paths) {
  const program = ts.createProgram(paths, {
    target,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  });
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => ({
    path: file?.fileName ?? 'the compiler',
    line: !file ? 1 : file.getLineAndCharacterOfPosition(start).line + 1,
    message: ts.flattenDiagnosticMessageText(messageText, '\n'),
  }));
}
