/** Starts Latchkey, and the service that trusts it. */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';

const port = process.env.PORT ?? '4000';
const notesPort = process.env.NOTES_PORT ?? '8000';
const latchkeyUrl = `http://localhost:${port}`;
const notesUrl = `http://localhost:${notesPort}`;
// Of this run; elsewhere both have it from your vault.
const secret = randomBytes(32).toString('base64url');

// Yours, or the one that Debian's packages are for.
const python = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import fastapi, httpx, jwt, uvicorn']).status === 0,
);
if (!python) {
  console.error(
    'Python packages are missing. Install them: apt install python3-fastapi python3-httpx python3-jwt python3-uvicorn, or pip install -r requirements.txt',
  );
  process.exit(1);
}

const latchkey = spawn('node', ['node_modules/latchkey/dist/server/cli/main.js', 'start'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    PORT: port,
    LATCHKEY_URL: latchkeyUrl,
    LATCHKEY_SERVICES: `notes:${secret}`,
    // For the Authorize button of the service's own API page.
    LATCHKEY_ALLOWED_ORIGINS: `${latchkeyUrl},${notesUrl}`,
  },
});
const notes = spawn(python, ['-m', 'uvicorn', 'main:app', '--port', notesPort], {
  stdio: ['ignore', 'inherit', 'pipe'],
  env: { ...process.env, LATCHKEY_URL: latchkeyUrl, NOTES_SECRET: secret },
});
createInterface({ input: notes.stderr }).on('line', (line) => {
  console.log(line.includes('Uvicorn running') ? `Notes is ready on ${notesUrl}` : line);
});

const children = [latchkey, notes];
function stop() {
  for (const child of children) child.kill();
}
process.on('SIGINT', stop).on('SIGTERM', stop);
// Neither is of use without the other.
for (const child of children) child.on('close', stop);
