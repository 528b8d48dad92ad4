// Light or dark: as the system says, until somebody says otherwise.

import { useEffect, useState } from 'preact/hooks';

export type Theme = 'light' | 'dark';

const system = matchMedia('(prefers-color-scheme: dark)');

function stored(): Theme | null {
  const value = localStorage.getItem('theme');
  return value === 'light' || value === 'dark' ? value : null;
}

/** The theme, and how to change it. */
export function useTheme(): [Theme, () => void] {
  const current = (): Theme => stored() ?? (system.matches ? 'dark' : 'light');
  const [theme, setTheme] = useState(current);
  useEffect(() => {
    const follow = (): void => setTheme(current());
    system.addEventListener('change', follow);
    return () => system.removeEventListener('change', follow);
  }, []);
  document.documentElement.dataset['theme'] = theme;
  return [
    theme,
    () => {
      const next = theme === 'dark' ? 'light' : 'dark';
      localStorage.setItem('theme', next);
      setTheme(next);
    },
  ];
}

/** A colour of the style sheet, as it is now. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Colours of curves, far apart from each other also for those who see fewer; each is in the style sheet, for light and dark. */
const CURVE_COLORS = 10;

/** The name of the n-th curve's colour. */
export function curveColor(n: number): string {
  return `curve-${n % CURVE_COLORS}`;
}
