// Charts of all numbers that the chosen runs have written down.

import { useMemo } from 'preact/hooks';
import type { Columns, RowFile } from '../api.ts';
import type { ShownRun } from './app.tsx';
import { address, useAnswer } from './ask.ts';
import { Chart } from './chart.tsx';
import { words } from './format.ts';
import { AXES, type Axis, type Change, type Settings } from './settings.ts';
import type { Theme } from './theme.ts';

interface Props {
  readonly runs: readonly ShownRun[];
  readonly settings: Settings;
  readonly change: Change;
  readonly theme: Theme;
}

/** Names of x for each file, the best first. */
const X_NAMES: Readonly<Record<RowFile, Readonly<Record<Axis, string>>>> = {
  metrics: { step: 'globalStep,step,row', update: 'update,step,row', episodes: 'episodes', time: 'seconds' },
  episodes: { step: 'globalStep,row', update: 'episode,row', episodes: 'episode,row', time: 'seconds' },
};

/** Columns that count: they are axes, or say nothing. */
const COUNTERS = new Set([
  'update',
  'globalStep',
  'step',
  'episodes',
  'episode',
  'seconds',
  'row',
  'envIndex',
  'epochs',
]);

const SECTIONS = ['How well it does', 'How it learns', 'Throughput and memory'] as const;

function sectionOf(file: RowFile, name: string): (typeof SECTIONS)[number] {
  if (/PerSecond$|^seconds|memory|rss|heap|MiB$/i.test(name)) return 'Throughput and memory';
  if (file === 'episodes') return 'How well it does';
  return /return|reward(?!s)|rewards\/|score|accuracy|correct|^loss$|^evalLoss$|episodicLength/i.test(name)
    ? 'How well it does'
    : 'How it learns';
}

interface Plot {
  readonly key: string;
  readonly title: string;
  readonly file: RowFile;
  readonly name: string;
  readonly runs: readonly ShownRun[];
}

export function ChartsView({ runs, settings, change, theme }: Props) {
  const ids = runs.map(({ id }) => id);
  const { value, error } = useAnswer<Columns>(address('columns', { run: ids }), (run, file) => {
    return file !== 'completions' && ids.includes(run);
  });
  const plots = useMemo(() => plotsOf(value, runs), [value, runs]);
  const wanted = plots.filter(({ title }) => title.toLowerCase().includes(settings.filter.toLowerCase()));
  const reading = value?.runs.filter(({ read }) => read < 1) ?? [];
  const problems = value?.runs.filter(({ problem }) => problem !== null) ?? [];

  return (
    <>
      <Toolbar settings={settings} change={change} />
      {error !== null && <p class="problem">{error}</p>}
      {problems.map(({ run, file, problem }) => (
        <p class="problem" key={`${run} ${file}`}>
          <b>{run || '.'}</b>: {problem}
        </p>
      ))}
      {reading.length > 0 && (
        <p class="reading" role="status">
          Reading {Math.round((100 * reading.reduce((sum, { read }) => sum + read, 0)) / reading.length)} %
        </p>
      )}
      {value !== undefined && plots.length === 0 && reading.length === 0 && (
        <p class="empty">Nothing has been measured yet: charts appear with the first update.</p>
      )}
      {plots.length > 0 && wanted.length === 0 && <p class="empty">No chart has “{settings.filter}” in its name.</p>}
      {SECTIONS.map((section) => {
        const here = wanted.filter(({ file, name }) => sectionOf(file, name) === section);
        return (
          here.length > 0 && (
            <section key={section} aria-label={section}>
              <h2>{section}</h2>
              <div class="charts">
                {here.map(({ key, title, file, name, runs: drawn }) => (
                  <Chart
                    key={key}
                    title={title}
                    file={file}
                    x={X_NAMES[file][settings.axis]}
                    y={name}
                    runs={drawn}
                    settings={settings}
                    change={change}
                    theme={theme}
                  />
                ))}
              </div>
            </section>
          )
        );
      })}
    </>
  );
}

function Toolbar({ settings, change }: Pick<Props, 'settings' | 'change'>) {
  const { axis, smoothing, log, grouped, filter, zoom } = settings;
  return (
    <div class="toolbar" role="toolbar" aria-label="Charts">
      <label>
        Over
        <select value={axis} onChange={(event) => change({ axis: event.currentTarget.value as Axis, zoom: null })}>
          {AXES.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Smoothing
        <input
          type="range"
          min="0"
          max="0.999"
          step="0.001"
          value={smoothing}
          onInput={(event) => change({ smoothing: event.currentTarget.valueAsNumber })}
        />
        <output>{smoothing.toFixed(smoothing > 0.99 ? 3 : 2)}</output>
      </label>
      <label>
        <input type="checkbox" checked={log} onChange={() => change({ log: !log })} />
        Log
      </label>
      <label title="Runs that differ only by their seeds: their mean, and a standard deviation to either side">
        <input type="checkbox" checked={grouped} onChange={() => change({ grouped: !grouped })} />
        Group seeds
      </label>
      <input
        type="search"
        placeholder="Filter charts"
        aria-label="Filter charts"
        value={filter}
        onInput={(event) => change({ filter: event.currentTarget.value })}
      />
      {zoom !== null && (
        <button type="button" onClick={() => change({ zoom: null })}>
          Show everything
        </button>
      )}
    </div>
  );
}

function plotsOf(columns: Columns | undefined, runs: readonly ShownRun[]): readonly Plot[] {
  const plots = new Map<string, { file: RowFile; name: string; runs: ShownRun[] }>();
  for (const { run: id, file, names } of columns?.runs ?? []) {
    const run = runs.find((other) => other.id === id);
    if (run === undefined) continue;
    for (const name of names) {
      if (COUNTERS.has(name)) continue;
      const key = `${file} ${name}`;
      const plot = plots.get(key) ?? { file, name, runs: [] };
      plot.runs.push(run);
      plots.set(key, plot);
    }
  }
  return [...plots].map(([key, plot]) => ({
    ...plot,
    key,
    title: plot.file === 'episodes' ? `episode ${words(plot.name)}` : words(plot.name),
  }));
}
