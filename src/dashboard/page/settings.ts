// What a person has chosen. It is kept in the address, behind #, so that it can be bookmarked and sent, and Back goes back.

import { useCallback, useEffect, useState } from 'preact/hooks';

export const VIEWS = ['charts', 'completions', 'replays', 'config', 'media'] as const;
export type View = (typeof VIEWS)[number];

export const AXES = ['step', 'update', 'episodes', 'time'] as const;
export type Axis = (typeof AXES)[number];

export interface Settings {
  readonly view: View;
  /** Null until somebody chooses: then the latest are shown. */
  readonly runs: readonly string[] | null;
  readonly axis: Axis;
  /** 0 to 0.999. */
  readonly smoothing: number;
  readonly log: boolean;
  /** Whether runs that differ only by their seeds are one curve. */
  readonly grouped: boolean;
  /** Only charts whose name has this in it. */
  readonly filter: string;
  /** The part of x that is looked at. */
  readonly zoom: readonly [number, number] | null;
}

function fromAddress(): Settings {
  const words = new URLSearchParams(location.hash.slice(1));
  const oneOf = <T extends string>(all: readonly T[], value: string | null): T =>
    all.find((item) => item === value) ?? all[0]!;
  const zoom = words.get('zoom')?.split('~').map(Number);
  return {
    view: oneOf(VIEWS, words.get('view')),
    runs: words.has('runs') ? words.getAll('run') : null,
    axis: oneOf(AXES, words.get('axis')),
    smoothing: Math.min(0.999, Math.max(0, Number(words.get('smoothing') ?? 0) || 0)),
    log: words.has('log'),
    grouped: words.has('grouped'),
    filter: words.get('filter') ?? '',
    zoom: zoom?.length === 2 && zoom[0]! < zoom[1]! ? [zoom[0]!, zoom[1]!] : null,
  };
}

function toAddress({ view, runs, axis, smoothing, log, grouped, filter, zoom }: Settings): string {
  const words = new URLSearchParams({ view });
  if (runs !== null) words.set('runs', String(runs.length));
  for (const run of runs ?? []) words.append('run', run);
  if (axis !== 'step') words.set('axis', axis);
  if (smoothing > 0) words.set('smoothing', String(smoothing));
  if (log) words.set('log', '1');
  if (grouped) words.set('grouped', '1');
  if (filter !== '') words.set('filter', filter);
  if (zoom !== null) words.set('zoom', zoom.join('~'));
  return `#${words}`;
}

export type Change = (change: Partial<Settings>) => void;

export function useSettings(): [Settings, Change] {
  const [settings, setSettings] = useState(fromAddress);
  useEffect(() => {
    const read = (): void => setSettings(fromAddress());
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  const change = useCallback((part: Partial<Settings>) => {
    setSettings((before) => {
      const after = { ...before, ...part };
      // Only another view is a step that Back takes back.
      const step = after.view === before.view ? 'replaceState' : 'pushState';
      history[step](null, '', toAddress(after));
      return after;
    });
  }, []);
  return [settings, change];
}
