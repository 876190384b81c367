import { openFileStorage } from '../../dist/node/file-storage.js';
import { openSqliteLedger } from '../../dist/node/sqlite.js';

/** Opens what it is told to and prints `open`, or the code and hint of the error. It ends when its input does. */
const [kind, path] = process.argv.slice(2);
try {
  const opened = await (kind === 'ledger' ? openSqliteLedger({ path }) : openFileStorage(path));
  process.stdout.write('open\n');
  for await (const _ of process.stdin);
  await opened.close();
} catch (error) {
  process.stdout.write(`${error.code} ${error.hint}\n`);
}
