import type { Spread } from './harness.ts';

/** What a figure has to reach. */
export interface Goal {
  readonly what: string;
  /** Which ratio it is about. */
  readonly of: 'rate' | 'processor';
  readonly bound: Bound;
}

export type Bound = { readonly atLeast: number } | { readonly atMost: number };

/** A goal and what was measured. */
export interface GoalFigure {
  readonly what: string;
  readonly bound: Bound;
  readonly unit: '×' | 's';
  readonly figure: Spread;
  /** What `--only` has to say to measure it again. */
  readonly only: string;
}

/** Whether the middle of the slices reaches it. */
export function isMet({ bound, figure: { median } }: GoalFigure): boolean {
  return 'atLeast' in bound ? median >= bound.atLeast : median <= bound.atMost;
}

/** Such as `≥ 3 ×`. */
export function formatBound({ bound, unit }: Pick<GoalFigure, 'bound' | 'unit'>): string {
  return 'atLeast' in bound ? `≥ ${bound.atLeast} ${unit}` : `≤ ${bound.atMost} ${unit}`;
}
