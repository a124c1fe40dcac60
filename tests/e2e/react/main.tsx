import { createRoot, hydrateRoot } from 'react-dom/client';
import { App } from './app.tsx';
import type { PageData } from './page-data.ts';

interface PageElement extends Element {
  readonly textContent: string;
  hasChildNodes(): boolean;
}
interface Browser {
  readonly document: { getElementById(id: string): PageElement | null };
  readonly location: { readonly origin: string };
}

/** The repository is compiled without the types of a browser. */
const { document, location } = globalThis as unknown as Browser;

const root = document.getElementById('root');
const data = document.getElementById('data');
if (!root || !data) throw new Error('The page lacks its places.');
const app = <App data={JSON.parse(data.textContent) as PageData} url={`${location.origin}/trpc`} />;

if (root.hasChildNodes()) hydrateRoot(root, app);
else createRoot(root).render(app);
