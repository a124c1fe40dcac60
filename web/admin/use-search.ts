import { useEffect, useState } from 'react';

/** How long nobody types before what was typed is looked for. */
const pauseMs = 300;

/**
 * A field whose value goes somewhere else once the typing pauses.
 *
 * @param value what is there already; where it changes otherwise, the field follows
 */
export function useSearch(
  value: string,
  onSearch: (value: string) => void,
): readonly [typed: string, type: (value: string) => void] {
  const [typed, setTyped] = useState(value);
  const [followed, setFollowed] = useState(value);
  if (followed !== value) {
    setFollowed(value);
    setTyped(value);
  }
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onSearch(typed), pauseMs);
    return () => clearTimeout(timer);
  });
  return [typed, setTyped];
}
