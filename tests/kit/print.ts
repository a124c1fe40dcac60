/** A line for whoever reads what a run has found. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
