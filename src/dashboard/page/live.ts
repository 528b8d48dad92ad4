// What the server tells by itself, as it happens.

import type { RowsEvent, RunList } from '../api.ts';

type Listener = (event: RowsEvent) => void;

const listeners = new Set<Listener>();

/** Calls `listener` when a file has more rows, until the function that is returned is called. */
export function onRows(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Listens to the server, and goes on listening when it comes back. */
export function listen(onRuns: (list: RunList) => void, onConnected: (connected: boolean) => void): () => void {
  const source = new EventSource('api/events');
  source.addEventListener('open', () => onConnected(true));
  source.addEventListener('error', () => onConnected(false));
  source.addEventListener('runs', ({ data }) => onRuns(JSON.parse(data as string) as RunList));
  source.addEventListener('rows', ({ data }) => {
    const event = JSON.parse(data as string) as RowsEvent;
    for (const listener of listeners) listener(event);
  });
  return () => source.close();
}
