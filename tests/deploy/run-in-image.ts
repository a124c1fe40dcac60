import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemPath, type Image } from './build-image.ts';

/** Why a process cannot be given another file system here, or `null`. */
export function findWhyNoRoom(): string | null {
  const { status } = spawnSync('unshare', ['--mount', 'chroot', '/', 'true']);
  return status === 0 ? null : 'this user may not unshare mounts';
}

/** Puts Debian's programs and Node in it, which `FROM node:24-slim` would have brought. */
export function furnish({ root }: Image): void {
  for (const folder of ['usr/bin', 'usr/lib', 'usr/lib64', 'usr/local/bin', 'proc', 'dev', 'tmp']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  for (const folder of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${folder}`, join(root, folder));
  writeFileSync(join(root, 'usr/local/bin/node'), '');
}

// Read-only but for the volume, as `docker run --read-only` and the manifests have it.
const script = `
root=$1; node=$2; user=$3; folder=$4; volume=$5; shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
for each in usr/bin usr/lib usr/lib64 proc dev; do
  if [ -e "/$each" ]; then mount --rbind "/$each" "$root/$each"; fi
done
mount --bind "$node" "$root/usr/local/bin/node"
mount --bind "$root$volume" "$root$volume"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" "$root" /usr/bin/env -C "$folder" "$@"
`;

/** Starts a command as the image's user, in its file system. */
export function runInImage(
  image: Image,
  command: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): ChildProcess {
  const { root, user, workFolder, volume } = image;
  const place = [root, process.execPath, user, workFolder, volume];
  return spawn('unshare', ['--mount', '/bin/sh', '-ec', script, 'run', ...place, ...command], {
    env: { PATH: systemPath, ...image.environment, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
