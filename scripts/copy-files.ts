/** Puts into `dist/` what the compiler leaves out, because it is no TypeScript. */
import { cpSync } from 'node:fs';

// Snapshots are for making the next migration.
cpSync('drizzle', 'dist/drizzle', {
  recursive: true,
  filter: (path) => !path.endsWith('_snapshot.json'),
});

// The API page, with the two files of Swagger UI that it loads, and the licence that goes with them.
const page = 'dist/server/api-page/public';
cpSync('server/api-page/public', page, { recursive: true });
for (const [name, as] of [
  ['swagger-ui-bundle.js', 'swagger-ui-bundle.js'],
  ['swagger-ui-bundle.js.LICENSE.txt', 'swagger-ui-bundle.js.LICENSE.txt'],
  ['swagger-ui.css', 'swagger-ui.css'],
  ['LICENSE', 'swagger-ui.LICENSE.txt'],
  ['NOTICE', 'swagger-ui.NOTICE.txt'],
] as const) {
  cpSync(`node_modules/swagger-ui-dist/${name}`, `${page}/${as}`);
}
