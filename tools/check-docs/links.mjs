import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { anchorsOf, linksOf } from './markdown.mjs';

/** Links between documents, and to files beside them. Links to the world are left alone. */
export function checkLinks(folder, documents, report) {
  const anchors = new Map(documents.map((document) => [document.file, anchorsOf(document)]));
  for (const { file, prose } of documents) {
    prose.forEach((line, i) => {
      for (const link of linksOf(line)) {
        if (/^[a-z][a-z\d+.-]*:/i.test(link)) continue;
        const [path, anchor] = link.split('#').map(decodeURI);
        const target = path === '' ? file : join(dirname(file), path);
        if (relative('', target).startsWith('..'))
          report(file, i + 1, `the link ${link} leads out of the project`);
        else if (!existsSync(join(folder, target))) report(file, i + 1, `the link ${link} leads nowhere`);
        else if (anchor && anchors.get(target)?.has(anchor) === false) {
          report(file, i + 1, `the link ${link} leads to no heading of ${target}`);
        }
      }
    });
  }
}
