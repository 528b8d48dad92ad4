// The page: what there is in the folder on the left, one view of what is chosen beside it.

import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import type { RunList as List, RunSummary } from '../api.ts';
import { ChartsView } from './charts-view.tsx';
import { CompletionsView } from './completions-view.tsx';
import { ConfigView } from './config-view.tsx';
import { Help } from './help.tsx';
import { useShortcuts } from './keys.ts';
import { listen } from './live.ts';
import { MediaView } from './media-view.tsx';
import { ReplayView } from './replay-view.tsx';
import { RunList } from './run-list.tsx';
import { AXES, useSettings, type View, VIEWS } from './settings.ts';
import { curveColor, useTheme } from './theme.ts';

/** A run that is shown, and its colour. */
export interface ShownRun extends RunSummary {
  /** The name of a colour of the style sheet. */
  readonly color: string;
}

const TITLES: Readonly<Record<View, string>> = {
  charts: 'Charts',
  completions: 'Completions',
  replays: 'Replays',
  config: 'Config',
  media: 'Media',
};

/** Runs that are shown until somebody chooses. */
const AT_FIRST = 6;

export function App() {
  const [list, setList] = useState<List | null>(null);
  const [connected, setConnected] = useState(true);
  const [settings, change] = useSettings();
  const [theme, toggleTheme] = useTheme();
  const [helping, setHelping] = useState(false);
  const [listOpen, setListOpen] = useState(false);
  useEffect(() => listen(setList, setConnected), []);

  const shown = useMemo(() => shownRuns(list?.runs ?? [], settings.runs), [list, settings.runs]);
  const colors = useMemo(() => new Map(shown.map(({ id, color }) => [id, color])), [shown]);
  const choose = useCallback((runs: readonly string[] | null) => change({ runs }), [change]);

  useShortcuts({
    '?': () => setHelping((open) => !open),
    Escape: () => (helping || listOpen ? (setHelping(false), setListOpen(false)) : change({ zoom: null })),
    t: toggleTheme,
    r: () => {
      setListOpen(true);
      requestAnimationFrame(() => document.querySelector<HTMLElement>('.runs [role=checkbox]')?.focus());
    },
    '/': () => document.querySelector<HTMLElement>('main input[type=search]')?.focus(),
    l: () => change({ log: !settings.log }),
    g: () => change({ grouped: !settings.grouped }),
    x: () => change({ axis: AXES[(AXES.indexOf(settings.axis) + 1) % AXES.length]!, zoom: null }),
    '[': () => change({ smoothing: Math.max(0, Math.round((settings.smoothing - 0.1) * 10) / 10) }),
    ']': () => change({ smoothing: Math.min(0.999, Math.round((settings.smoothing + 0.1) * 10) / 10) }),
    ...Object.fromEntries(VIEWS.map((view, i) => [String(i + 1), () => change({ view })])),
  });

  return (
    <div class={listOpen ? 'app list-open' : 'app'}>
      <header>
        <button type="button" class="list-toggle" aria-expanded={listOpen} onClick={() => setListOpen(!listOpen)}>
          Runs <span class="count">{shown.length}</span>
        </button>
        <h1>
          <img src="./icon.svg" alt="" width="20" height="20" />
          <span>Gymformer</span>
        </h1>
        <nav aria-label="Views">
          {VIEWS.map((view) => (
            <button
              type="button"
              key={view}
              aria-current={settings.view === view ? 'page' : undefined}
              onClick={() => change({ view })}
            >
              {TITLES[view]}
            </button>
          ))}
        </nav>
        <div class="spacer" />
        {!connected && (
          <span class="offline" role="status">
            No connection: trying again
          </span>
        )}
        <button type="button" class="icon" title="Light or dark (t)" aria-label="Light or dark" onClick={toggleTheme}>
          {theme === 'dark' ? '☾' : '☀'}
        </button>
        <button type="button" class="icon" title="Keyboard (?)" aria-label="Keyboard" onClick={() => setHelping(true)}>
          ?
        </button>
      </header>
      <RunList
        list={list}
        colors={colors}
        chosen={settings.runs !== null}
        choose={choose}
        close={() => setListOpen(false)}
      />
      <main>
        {list !== null && list.runs.length === 0 ? (
          <NoRuns folder={list.folder} />
        ) : list !== null && shown.length === 0 ? (
          <p class="empty">Choose a run on the left.</p>
        ) : (
          list !== null && (
            <>
              {settings.view === 'charts' && (
                <ChartsView runs={shown} settings={settings} change={change} theme={theme} />
              )}
              {settings.view === 'completions' && <CompletionsView runs={shown} />}
              {settings.view === 'replays' && <ReplayView runs={shown} />}
              {settings.view === 'config' && <ConfigView runs={shown} />}
              {settings.view === 'media' && <MediaView runs={shown} />}
            </>
          )
        )}
      </main>
      {helping && <Help close={() => setHelping(false)} />}
    </div>
  );
}

function NoRuns({ folder }: { folder: string }) {
  return (
    <div class="empty">
      <h2>No runs yet</h2>
      <p>
        There is no run in <code>{folder}</code>. Start one, and it appears here while it learns:
      </p>
      <pre>npm start</pre>
      <p>
        or <code>npm run cartpole</code>, which takes a few seconds.
      </p>
    </div>
  );
}

/** The runs that are shown, in the order in which they began, with their colours. */
function shownRuns(all: readonly RunSummary[], chosen: readonly string[] | null): readonly ShownRun[] {
  const byAge = [...all].sort(
    (a, b) => (a.createdAt ?? '').localeCompare(b.createdAt ?? '') || a.id.localeCompare(b.id),
  );
  const withRows = byAge.filter(({ bytes }) => bytes.metrics + bytes.episodes > 0);
  const atFirst = (withRows.length > 0 ? withRows : byAge).slice(-AT_FIRST);
  const shown = chosen === null ? atFirst : byAge.filter(({ id }) => chosen.includes(id));
  return shown.map((run, i) => ({ ...run, color: curveColor(i) }));
}
