// Choosing one of the runs that are shown, for views that show one at a time.

import { useState } from 'preact/hooks';
import type { ShownRun } from './app.tsx';

/** The run that is looked at, and what chooses it: the latest until somebody does. */
export function useRun(runs: readonly ShownRun[]): [ShownRun | undefined, () => preact.JSX.Element] {
  const [chosen, setChosen] = useState<string | null>(null);
  const run = runs.find(({ id }) => id === chosen) ?? runs.at(-1);
  return [
    run,
    () => (
      <label>
        Run
        <select value={run?.id} onChange={(event) => setChosen(event.currentTarget.value)}>
          {runs.map(({ id }) => (
            <option key={id} value={id}>
              {id || '.'}
            </option>
          ))}
        </select>
      </label>
    ),
  ];
}
