/** Dates as the person writes them, in the language of the texts. */
const locale = globalThis.navigator?.language.startsWith('en') ? navigator.language : 'en-GB';

const dateAndTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'long' });
const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'short' });
const number = new Intl.NumberFormat(locale);
const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });

export function formatDate(iso: string): string {
  return date.format(new Date(iso));
}

export function formatDateAndTime(iso: string): string {
  return dateAndTime.format(new Date(iso));
}

/** With the seconds and the time zone. */
export function formatExact(iso: string): string {
  return exact.format(new Date(iso));
}

export function formatClock(iso: string): string {
  return clock.format(new Date(iso));
}

export function formatNumber(value: number): string {
  return number.format(value);
}

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** Such as `5 minutes ago`; after a month, the date. */
export function formatAgo(iso: string, now: number): string {
  const seconds = Math.round((Date.parse(iso) - now) / 1_000);
  if (Math.abs(seconds) > 30 * 86_400) return formatDate(iso);
  const unit = units.find(([, size]) => Math.abs(seconds) >= size);
  // "in 0 seconds" and "now" are nearly the same, and a clock may be a little off.
  if (!unit) return relative.format(0, 'second');
  const [name, size] = unit;
  return relative.format(Math.trunc(seconds / size), name);
}
