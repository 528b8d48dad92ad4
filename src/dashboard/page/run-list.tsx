// The runs of the folder: what each does, how far it is, how well it goes; and which of them are shown.

import { useState } from 'preact/hooks';
import type { RunList as List, RunSummary } from '../api.ts';
import { duration, figure, when, words } from './format.ts';

interface Props {
  readonly list: List | null;
  /** Of the runs that are shown. */
  readonly colors: ReadonlyMap<string, string>;
  /** Whether somebody chose them. */
  readonly chosen: boolean;
  readonly choose: (runs: readonly string[] | null) => void;
  readonly close: () => void;
}

export function RunList({ list, colors, chosen, choose, close }: Props) {
  const [filter, setFilter] = useState('');
  const runs = newestFirst(list?.runs ?? []).filter((run) => matches(run, filter));
  const toggle = (id: string): void => {
    choose(colors.has(id) ? [...colors.keys()].filter((other) => other !== id) : [...colors.keys(), id]);
  };
  const onKey = (event: KeyboardEvent, id: string): void => {
    if (event.key === ' ') toggle(id);
    else if (event.key === 'Enter') choose([id]);
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') moveFocus(event.key === 'ArrowDown' ? 1 : -1);
    else return;
    event.preventDefault();
  };
  return (
    <aside class="runs" aria-label="Runs">
      <div class="runs-head">
        <input
          type="search"
          placeholder={`Filter ${list?.runs.length ?? ''} runs`}
          aria-label="Filter runs"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <button type="button" class="list-close" onClick={close}>
          Done
        </button>
      </div>
      <div class="runs-actions">
        <button type="button" onClick={() => choose(runs.map(({ id }) => id))}>
          All
        </button>
        <button type="button" onClick={() => choose([])}>
          None
        </button>
        <button type="button" disabled={!chosen} onClick={() => choose(null)}>
          Latest
        </button>
      </div>
      <ul>
        {runs.map((run) => (
          <li key={run.id}>
            <div
              class="run"
              role="checkbox"
              tabIndex={0}
              aria-checked={colors.has(run.id)}
              title={run.id}
              onClick={() => toggle(run.id)}
              onKeyDown={(event) => onKey(event, run.id)}
              style={{ paddingLeft: `${0.6 + 0.9 * Math.min(4, run.id.split('/').length - 1)}rem` }}
            >
              <Swatch color={colors.get(run.id)} />
              <Entry run={run} />
            </div>
          </li>
        ))}
      </ul>
      {list !== null && <p class="folder">{list.folder}</p>}
    </aside>
  );
}

export function Swatch({ color }: { color: string | undefined }) {
  return (
    <span
      class="swatch"
      style={color === undefined ? {} : { background: `var(--${color})`, borderColor: `var(--${color})` }}
    />
  );
}

function Entry({ run }: { run: RunSummary }) {
  const { name, status, latest, progress, subject, algorithm, seed, seconds, createdAt, problems } = run;
  const about = [subject, algorithm, seed === null ? null : `seed ${seed}`].filter((word) => word !== null);
  return (
    <div class="run-text">
      <div class="run-name">
        <span class="name">{name || '.'}</span>
        <span class="value" title={latest === null ? undefined : words(latest.name)}>
          {latest === null ? '' : figure(latest.value)}
        </span>
      </div>
      <div class="run-about">
        <span class={`status ${status}`}>{status}</span>
        <span class="about">{about.join(' · ')}</span>
        <span class="time">{seconds === null ? when(createdAt) : duration(seconds)}</span>
      </div>
      {status === 'running' && (
        <div
          class={progress === null ? 'progress unknown' : 'progress'}
          role="progressbar"
          aria-label="Progress"
          aria-valuenow={progress === null ? undefined : Math.round(100 * progress)}
        >
          <div style={{ width: `${100 * (progress ?? 1)}%` }} />
        </div>
      )}
      {problems.map((problem) => (
        <div class="problem" key={problem}>
          {problem}
        </div>
      ))}
    </div>
  );
}

/** Runs in the order in which they began, the latest first; nested ones stay behind those that they belong to. */
function newestFirst(runs: readonly RunSummary[]): readonly RunSummary[] {
  const families: RunSummary[][] = [];
  for (const run of runs) {
    const family = families.at(-1);
    if (family !== undefined && run.id.startsWith(`${family[0]!.id}/`)) family.push(run);
    else families.push([run]);
  }
  const age = ([first]: RunSummary[]) => first!.createdAt ?? '';
  return families.sort((a, b) => age(b).localeCompare(age(a))).flat();
}

function matches({ id, subject, algorithm, status }: RunSummary, filter: string): boolean {
  return `${id} ${subject ?? ''} ${algorithm ?? ''} ${status}`.toLowerCase().includes(filter.trim().toLowerCase());
}

function moveFocus(by: number): void {
  const all = [...document.querySelectorAll<HTMLElement>('.runs [role=checkbox]')];
  const now = all.indexOf(document.activeElement as HTMLElement);
  all[Math.max(0, Math.min(all.length - 1, now + by))]?.focus();
}
