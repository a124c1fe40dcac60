import { Component, type ReactNode } from 'react';
import { texts } from '../texts.ts';
import { Button } from './button.tsx';

interface CrashBoundaryProps {
  readonly children: ReactNode;
}

/** A fault of a page, or a part of it that could not be loaded, takes no more than the page. */
export class CrashBoundary extends Component<CrashBoundaryProps, { readonly hasCrashed: boolean }> {
  override readonly state = { hasCrashed: false };

  static getDerivedStateFromError(): { readonly hasCrashed: boolean } {
    return { hasCrashed: true };
  }

  override render(): ReactNode {
    if (!this.state.hasCrashed) return this.props.children;
    return (
      <div role="alert" className="flex flex-col items-center gap-3 px-4 py-12 text-center">
        <p className="font-medium">{texts.crashed.title}</p>
        <Button onClick={() => window.location.reload()}>{texts.crashed.reload}</Button>
      </div>
    );
  }
}
