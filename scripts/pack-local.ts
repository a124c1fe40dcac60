/**
 * Packs what would be published into `.packed/latchkey.tgz`, which the examples install: under
 * one name for every version, so that none of them has to be changed with a release.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../.packed');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
// On Windows npm is a script, which a shell alone runs.
execFileSync('npm', ['pack', '--silent', '--pack-destination', '.packed'], {
  cwd: join(folder, '..'),
  shell: process.platform === 'win32',
});
const [packed = ''] = readdirSync(folder);
renameSync(join(folder, packed), join(folder, 'latchkey.tgz'));
