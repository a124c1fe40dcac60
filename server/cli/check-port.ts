import { ConfigurationError } from '../config/configuration-error.ts';
import type { Environment } from '../config/environment.ts';
import { startServer } from '../http/server.ts';
import { fail, ok, type Verdict } from './check.ts';

const answerTimeoutMs = 2_000;

/** Whether a server could listen, or one that is ready does. */
export async function checkPort({ host, port }: Environment): Promise<Verdict> {
  if (port === 0) return ok('Any free one');
  try {
    const server = await startServer((_req, res) => res.writeHead(503).end(), { host, port });
    await server.stop();
    return ok(`${port} of ${host} is free`);
  } catch (error) {
    if (!(error instanceof ConfigurationError) || !isInUse(error.cause)) throw error;
    return askWhoListens(originOf(host, port));
  }
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

/** Who listens on every address also does on the machine's own. */
function originOf(host: string, port: number): string {
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

async function askWhoListens(origin: string): Promise<Verdict> {
  try {
    const response = await fetch(`${origin}/health/ready`, {
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
    const body = (await response.json()) as { status?: unknown; reason?: unknown } | null;
    if (response.ok && body?.status === 'ok') return ok(`A server is ready on ${origin}`);
    if (response.status === 503 && typeof body?.reason === 'string') {
      return fail(`The server on ${origin} is not ready: ${body.reason}. See its log.`);
    }
  } catch {
    // Whatever does not answer so is none of ours.
  }
  return fail(`PORT: something else listens on ${origin}. Stop it, or choose another port.`);
}
