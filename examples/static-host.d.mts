import type { RequestListener } from 'node:http';

export function startStaticHost(
  folder: string,
  port?: number,
): Promise<{ readonly origin: string; close(): Promise<void> }>;

export function serveFiles(folder: string): Promise<RequestListener>;
