import { existsSync } from 'node:fs';
import type { Environment } from '../config/environment.ts';
import { loadSecret, secretPathOf } from '../config/secret.ts';
import { secretPlaceOf } from '../config/settings.ts';
import type { Runtime } from '../runtime.ts';

/** The secret, if there is one; to load one that is missing would make it. */
export function readSecret(
  { settings, secret: configured }: Environment,
  runtime: Runtime,
): Uint8Array | null {
  const { production } = settings;
  const databasePath = secretPlaceOf(settings);
  if (configured === undefined && !existsSync(secretPathOf(databasePath))) return null;
  return loadSecret({ configured, databasePath, production, runtime }).secret;
}
