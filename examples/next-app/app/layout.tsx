import type { Metadata } from 'next';
import type { ReactNode } from 'react';
import { getVisitor } from '../server/get-visitor.ts';
import { Providers } from './providers.tsx';
import './styles.css';

export const metadata: Metadata = { title: 'Notes' };

export default async function Layout({ children }: { readonly children: ReactNode }) {
  const { user } = await getVisitor();
  return (
    <html lang="en">
      <body>
        <Providers initialUser={user}>{children}</Providers>
      </body>
    </html>
  );
}
