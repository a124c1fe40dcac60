import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** Writes `fullchain.pem` and `key.pem` for `localhost` into a folder, and makes this process trust it. */
export function createCertificate(folder: string): void {
  const certificate = join(folder, 'fullchain.pem');
  const made =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost';
  const files = ['-out', certificate, '-keyout', join(folder, 'key.pem')];
  const { status, stderr } = spawnSync('openssl', [...made.split(' '), ...files]);
  if (status !== 0) throw new Error(`No certificate was made: ${stderr.toString()}`);
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(certificate, 'utf8')]);
}
