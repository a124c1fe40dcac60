import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate and its key, as paths of PEM files. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** An authority of a test's own. */
export interface Authority extends CertificateFiles {
  /** Signs a certificate: `CN`, and the hosts that it is for, such as `DNS:localhost`. */
  sign(commonName: string, hosts?: string): CertificateFiles;
}

const keyOptions = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(' ');

/** Makes one with files in this folder whose names begin with `name`. */
export function createAuthority(folder: string, name: string): Authority {
  const own = filesOf(folder, name);
  // Two of one name: a certificate of the other one is told by its signature alone.
  run('req', '-x509', ...keyOptions, ...outputTo(own), '-subj', '/CN=Test authority');
  return {
    ...own,
    sign(commonName, hosts) {
      const files = filesOf(folder, `${name}-${commonName}`);
      const request = join(folder, `${name}-${commonName}.csr`);
      const extensions = join(folder, `${name}-${commonName}.ext`);
      writeFileSync(extensions, hosts === undefined ? '' : `subjectAltName=${hosts}\n`);
      const asked = { certificate: request, key: files.key };
      run('req', '-new', ...keyOptions, ...outputTo(asked), '-subj', `/CN=${commonName}`);
      const signer = ['-CA', own.certificate, '-CAkey', own.key, '-CAcreateserial', '-days', '2'];
      const input = ['-in', request, '-extfile', extensions, '-out', files.certificate];
      run('x509', '-req', ...signer, ...input);
      return files;
    },
  };
}

function filesOf(folder: string, name: string): CertificateFiles {
  return { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
}

function outputTo({ certificate, key }: CertificateFiles): string[] {
  return ['-out', certificate, '-keyout', key];
}

function run(...words: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', words);
  if (status !== 0) throw new Error(`openssl ${words[0]} failed: ${stderr.toString()}`);
}
