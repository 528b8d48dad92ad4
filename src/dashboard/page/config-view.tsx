// How runs were set up and how they ended, and wherein they differ.

import { useEffect, useState } from 'preact/hooks';
import type { RunDetail } from '../api.ts';
import type { ShownRun } from './app.tsx';
import { address } from './ask.ts';
import { Swatch } from './run-list.tsx';

/** Columns that fit. */
const MOST_RUNS = 8;

export function ConfigView({ runs }: { runs: readonly ShownRun[] }) {
  const shown = runs.slice(-MOST_RUNS);
  const details = useDetails(shown);
  const [differing, setDiffering] = useState(true);
  const [filter, setFilter] = useState('');
  const tables = shown.map(({ id }) => {
    const detail = details.get(id);
    return new Map([...flat(detail?.config ?? {}, ''), ...flat(detail?.summary ?? {}, 'summary')]);
  });
  const all = [...new Set(tables.flatMap((table) => [...table.keys()]))];
  const only = differing && shown.length > 1;
  const keys = all.filter((key) => {
    const values = new Set(tables.map((table) => table.get(key)));
    return key.toLowerCase().includes(filter.toLowerCase()) && (!only || values.size > 1);
  });
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="Config">
        <label>
          <input type="checkbox" checked={only} disabled={shown.length < 2} onChange={() => setDiffering(!differing)} />
          Only what differs
        </label>
        <input
          type="search"
          placeholder="Filter keys"
          aria-label="Filter keys"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        {runs.length > MOST_RUNS && <span class="note">The latest {MOST_RUNS} of the runs that are shown.</span>}
      </div>
      {shown.flatMap(({ id }) =>
        (details.get(id)?.problems ?? []).map((problem) => (
          <p class="problem" key={`${id} ${problem}`}>
            <b>{id || '.'}</b>: {problem}
          </p>
        )),
      )}
      {keys.length === 0 && details.size > 0 && (
        <p class="empty">{only && all.length > 0 ? 'Nothing differs.' : 'Nothing here.'}</p>
      )}
      {keys.length > 0 && (
        <div class="table" tabIndex={0} role="region" aria-label="Config">
          <table>
            <thead>
              <tr>
                <th scope="col">Key</th>
                {shown.map(({ id, color }) => (
                  <th scope="col" key={id}>
                    <Swatch color={color} /> {id || '.'}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {keys.map((key) => {
                const differs = new Set(tables.map((table) => table.get(key))).size > 1;
                return (
                  <tr key={key} class={differs ? 'differs' : ''}>
                    <th scope="row">{key}</th>
                    {tables.map((table, i) => (
                      <td key={shown[i]!.id}>{table.get(key) ?? '–'}</td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function useDetails(runs: readonly ShownRun[]): ReadonlyMap<string, RunDetail> {
  const [details, setDetails] = useState<ReadonlyMap<string, RunDetail>>(new Map());
  const which = JSON.stringify(runs.map(({ id, status }) => [id, status]));
  useEffect(() => {
    const stop = new AbortController();
    for (const { id } of runs) {
      void fetch(address('run', { run: id }), { signal: stop.signal })
        .then(async (response) => {
          if (!response.ok) return;
          const detail = (await response.json()) as RunDetail;
          setDetails((before) => new Map([...before, [id, detail]]));
        })
        .catch(() => {});
    }
    return () => stop.abort();
  }, [which]);
  return details;
}

/** Paths and values: { a: { b: 1 } } is a.b = 1; short lists stay whole. */
function* flat(value: unknown, path: string): Generator<[string, string]> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) yield* flat(inner, path === '' ? key : `${path}.${key}`);
  } else yield [path, typeof value === 'string' ? value : JSON.stringify(value)];
}
