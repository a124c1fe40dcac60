import { eventTexts } from '../texts.ts';

/** An event of a newer server is named as it is. */
export function describeEvent(type: string): string {
  const names: Readonly<Record<string, string>> = eventTexts;
  return names[type] ?? type;
}
