import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { createStage, root } from './stage.mjs';

/**
 * Blocks marked `ts` are modules that compile against the built package; one marked `ts more` goes on with the block before
 * it. A module with a block marked `run` is also run, in the folder where it stands.
 */
export async function checkTypescript(documents, report) {
  const stage = createStage();
  try {
    const modules = new Map(
      documents
        .flatMap((document) => modulesOf(document, report))
        .map((m) => [join(stage.folder, m.name), m]),
    );
    for (const [path, { text }] of modules) writeFileSync(path, text);
    for (const { path, line, message } of compile([...modules.keys()])) {
      const { file, line: first } = modules.get(path) ?? { file: path, line: 1 };
      report(file, line ?? first, message);
    }
    for (const { name, text, runs, file, line } of modules.values()) {
      if (!runs) continue;
      const { outputText } = ts.transpileModule(text, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target },
      });
      const script = join(stage.folder, name.replace(/ts$/, 'mjs'));
      writeFileSync(script, outputText);
      const failure = await stage.run(process.execPath, [script]);
      if (failure) report(file, line, failure);
    }
  } finally {
    stage.remove();
  }
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
    path: file?.fileName,
    line: file && file.getLineAndCharacterOfPosition(start).line + 1,
    message: ts.flattenDiagnosticMessageText(messageText, '\n'),
  }));
}
