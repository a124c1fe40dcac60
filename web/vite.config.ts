import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** What `npm run dev:web` shows: a server that `npm start` runs beside it. */
const devServer = 'http://localhost:4000';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative: a host application serves the console where it likes.
  base: './',
  resolve: { tsconfigPaths: true },
  plugins: [react(), tailwindcss(), compressTexts()],
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    // The first that know light-dark(), which the themes are made of.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // The content security policy lets no fetch of `data:` through.
    assetsInlineLimit: 0,
    // The password meter's dictionaries, which load when a new password is typed.
    chunkSizeWarningLimit: 2_000,
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: {
    // A server takes cookies from the pages of its own address alone.
    proxy: { '/trpc': { target: devServer, headers: { origin: devServer } } },
  },
});

/** Writes each text of the build once more, compressed, for the server to send as it is. */
function compressTexts(): Plugin {
  return {
    name: 'compress-texts',
    apply: 'build',
    async writeBundle({ dir = '' }) {
      const files = await readdir(dir, { recursive: true });
      const texts = files.filter((file) => /\.(js|css|svg)$/.test(file));
      await Promise.all(
        texts.map(async (file) => {
          const content = await readFile(join(dir, file));
          // The last two of its eleven steps take most of the time, for a twentieth of the size.
          const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
          const compressed = await promisify(brotliCompress)(content, { params });
          await writeFile(join(dir, `${file}.br`), compressed);
        }),
      );
    },
  };
}
