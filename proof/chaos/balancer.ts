import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from './network.js';

/**
 * nginx before the vendors. A request that a vendor did not answer goes to the next one, POST too: a claim is for one request, and one
 * vendor of all that get it serves it. What goes to a vendor twice without a claim is told its price twice.
 */
export interface Balancer {
  readonly origin: string;
  /** SIGKILL to all workers; the master starts others. */
  killWorkers(): Promise<void>;
  stop(): Promise<void>;
}

const port = 8080;

export async function startBalancer(
  host: Host,
  folder: string,
  upstreams: readonly string[],
): Promise<Balancer> {
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration(folder, host.address, upstreams));
  const command = ['netns', 'exec', host.namespace, 'nginx', '-e', join(folder, 'nginx.log'), '-c', file];
  const master = spawn('ip', command, { stdio: 'ignore' });
  const exited = once(master, 'exit');
  const workers = async (): Promise<number[]> => {
    const children = await readFile(`/proc/${master.pid}/task/${master.pid}/children`, 'utf8');
    return children.trim().split(' ').filter(Boolean).map(Number);
  };
  while ((await workers().catch(() => [])).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    origin: `http://${host.address}:${port}`,
    async killWorkers() {
      for (const pid of await workers()) process.kill(pid, 'SIGKILL');
    },
    async stop() {
      master.kill('SIGTERM');
      await exited;
    },
  };
}

function configuration(folder: string, address: string, upstreams: readonly string[]): string {
  const servers = upstreams.map((upstream) => `    server ${upstream} max_fails=1 fail_timeout=1s;`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${join(folder, `nginx-${name}`)};`,
  );
  return `daemon off;
user root;
worker_processes 2;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'nginx.log')} warn;
events { worker_connections 512; }
http {
${temporary.join('\n')}
  access_log off;
  keepalive_requests 100000;
  upstream vendors {
${servers.join('\n')}
    keepalive 32;
  }
  server {
    listen ${address}:${port};
    location / {
      proxy_pass http://vendors;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_connect_timeout 1s;
      proxy_read_timeout 4s;
      proxy_next_upstream error timeout http_502 http_503 http_504 non_idempotent;
      proxy_next_upstream_tries 3;
    }
  }
}
`;
}
