// Keys that work anywhere on the page.

import { useEffect, useRef } from 'preact/hooks';

/** What keys do, wherever the focus is but where text is typed. */
export function useShortcuts(keys: Readonly<Record<string, () => void>>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const typing =
        event.target instanceof HTMLElement && event.target.matches('input:not([type=range]), select, textarea');
      if (typing && event.key !== 'Escape') return;
      if (typing) (event.target as HTMLElement).blur();
      const action = latest.current[event.key];
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
