import { openFileStorage } from '../../dist/node/file-storage.js';

/**
 * Writes batches as fast as it can and prints the number of each that was confirmed. A batch says the same number in two
 * records. Arguments: the path, how many refusals it takes before it ends.
 */
const storage = await openFileStorage(process.argv[2]);
const refusals = Number(process.argv[3]);
const first = Number((await storage.load()).get('next') ?? 0);
let next = first;
let refused = 0;
await Promise.all(Array.from({ length: 4 }, write));
await storage.close();

async function write() {
  while (refused < refusals) {
    const number = next++;
    try {
      const filler = `filler ${number} `.repeat(20);
      await storage.write([
        [`one ${number}`, String(number)],
        ['next', String(number + 1)],
        ['filler', filler],
        [`two ${number}`, String(number)],
      ]);
      process.stdout.write(`written ${number}\n`);
    } catch (error) {
      refused++;
      process.stdout.write(`failed ${number} ${error.code}\n`);
    }
  }
}
