import { connect, createServer, type Socket } from 'node:net';
import { answerQuestions } from './talk.js';

/** A slow way to the database: passes bytes on, each way after a delay that varies, in order. */
export interface RelaySettings {
  readonly host: string;
  readonly port: number;
  readonly to: string;
  readonly leastMs: number;
  readonly mostMs: number;
}

const settings = JSON.parse(process.argv[2]!) as RelaySettings;
const { host, port, to, leastMs, mostMs } = settings;

function pass(from: Socket, on: Socket): void {
  let last = Promise.resolve();
  from.on('data', (bytes) => {
    const due = new Promise<void>((resolve) =>
      setTimeout(resolve, leastMs + Math.random() * (mostMs - leastMs)),
    );
    last = Promise.all([last, due]).then(() => void on.write(bytes));
  });
  from.on('close', () => on.destroy());
  from.on('error', () => on.destroy());
}

const server = createServer((socket) => {
  const onward = connect(port, to);
  pass(socket, onward);
  pass(onward, socket);
});
await new Promise<void>((resolve) => server.listen(port, host, resolve));
await answerQuestions({ ready: () => true });
process.exit();
