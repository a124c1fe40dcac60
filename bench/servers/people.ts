/** Who has an account at every server of the bench. */
export const password = 'seven quiet lanterns';

export function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `person-${index}@example.com`);
}
