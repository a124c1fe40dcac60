/** Where a series is drawn. */
export interface Frame {
  /** The value at the upper edge. */
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The upper edge for these values: a round number that none of them is above. */
export function scaleOf(values: readonly number[]): number {
  const most = Math.max(4, ...values);
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((each) => each * power >= most) ?? 10;
  return step * power;
}

export interface Bar {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A bar for each value; what is not nothing can be seen. */
export function barsOf(values: readonly number[], { top, width, height }: Frame): Bar[] {
  const slot = width / values.length;
  return values.map((value, index) => {
    const tall = value === 0 ? 0 : Math.max(2, (value / top) * height);
    return {
      x: round(index * slot + slot * 0.15),
      y: round(height - tall),
      width: round(slot * 0.7),
      height: round(tall),
    };
  });
}

/** The path of a line from edge to edge, through each value. */
export function lineOf(values: readonly number[], { top, width, height }: Frame): string {
  const gap = width / Math.max(1, values.length - 1);
  return values
    .map((value, index) => {
      const x = round(index * gap);
      const y = round(height - (value / top) * height);
      return `${index === 0 ? 'M' : 'L'}${x} ${y}`;
    })
    .join(' ');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
