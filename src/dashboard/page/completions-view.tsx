// What a language model wrote while it learned, token by token.

import { useState } from 'preact/hooks';
import type { ComparisonPage, Completion, CompletionOrder, CompletionPage } from '../api.ts';
import type { ShownRun } from './app.tsx';
import { address, useAnswer } from './ask.ts';
import { useRun } from './choose-run.tsx';
import { CompletionCard } from './completion-card.tsx';
import { useShortcuts } from './keys.ts';
import { MEANINGS, quantitiesOf, type Quantity, scaleOf } from './token-colors.ts';
import { figure } from './format.ts';

const ORDERS: readonly CompletionOrder[] = ['newest', 'oldest', 'best', 'worst'];
const PAGE = 30;
const PAIRS = 15;

export function CompletionsView({ runs }: { runs: readonly ShownRun[] }) {
  const [run, chooser] = useRun(runs.filter(({ bytes }) => bytes.completions > 0));
  const [comparing, setComparing] = useState(false);
  if (run === undefined) {
    return (
      <p class="empty">
        None of the runs that are shown has completions. Runs in which a language model learns from rewards have them:
        try <code>npm start</code>.
      </p>
    );
  }
  const View = comparing ? Comparison : Browser;
  return (
    <View
      key={run.id}
      run={run.id}
      tools={
        <>
          {chooser()}
          <div class="choice" role="group" aria-label="What to show">
            <button type="button" aria-pressed={!comparing} onClick={() => setComparing(false)}>
              All
            </button>
            <button type="button" aria-pressed={comparing} onClick={() => setComparing(true)}>
              Before / after
            </button>
          </div>
        </>
      }
    />
  );
}

interface ViewProps {
  readonly run: string;
  readonly tools: preact.ComponentChildren;
}

function Browser({ run, tools }: ViewProps) {
  const [order, setOrder] = useState<CompletionOrder>('newest');
  const [text, setText] = useState('');
  const [correct, setCorrect] = useState('');
  const [update, setUpdate] = useState('');
  const [offset, setOffset] = useState(0);
  const query = address('completions', { run, order, text, correct, update, offset, limit: PAGE });
  const { value: page, error } = useAnswer<CompletionPage>(query, (id, file) => id === run && file === 'completions');
  const colors = useColors(page?.completions ?? []);
  /** Another question begins on its first page. */
  const restart =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      setOffset(0);
    };
  const hasAnswers = correct !== '' || page?.completions.some((row) => row.correct !== null);
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="Completions">
        {tools}
        <input
          type="search"
          placeholder="Search prompts and completions"
          aria-label="Search prompts and completions"
          value={text}
          onInput={(event) => restart(setText)(event.currentTarget.value)}
        />
        <label>
          Order
          <select value={order} onChange={(event) => restart(setOrder)(event.currentTarget.value as CompletionOrder)}>
            {ORDERS.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        {hasAnswers && (
          <label>
            Answer
            <select value={correct} onChange={(event) => restart(setCorrect)(event.currentTarget.value)}>
              <option value="">any</option>
              <option value="true">right</option>
              <option value="false">wrong</option>
            </select>
          </label>
        )}
        <label>
          Update
          <input
            type="number"
            min={page?.updates?.[0]}
            max={page?.updates?.[1]}
            placeholder={page?.updates ? `${page.updates[0]}–${page.updates[1]}` : 'any'}
            value={update}
            onInput={(event) => restart(setUpdate)(event.currentTarget.value)}
          />
        </label>
        {colors.chooser}
      </div>
      {error !== null && <p class="problem">{error}</p>}
      {page?.problem && <p class="problem">completions.jsonl: {page.problem}</p>}
      {page !== undefined && page.skipped > 0 && (
        <p class="problem">{page.skipped} lines of completions.jsonl could not be read</p>
      )}
      {page !== undefined && page.read < 1 && (
        <p class="reading" role="status">
          Reading {Math.round(100 * page.read)} %
        </p>
      )}
      {page !== undefined && page.total === 0 && page.read === 1 && (
        <p class="empty">{page.rows === 0 ? 'Nothing has been written yet.' : 'No text matches.'}</p>
      )}
      {colors.legend}
      <div class="completions">
        {page?.completions.map((row) => (
          <CompletionCard key={row.index} row={row} {...colors.choice} found={text} />
        ))}
      </div>
      {page !== undefined && page.total > 0 && <Pager {...{ offset, setOffset, total: page.total, size: PAGE }} />}
    </>
  );
}

function Comparison({ run, tools }: ViewProps) {
  const [offset, setOffset] = useState(0);
  const query = address('compare', { run, offset, limit: PAIRS });
  const { value: page, error } = useAnswer<ComparisonPage>(query, (id, file) => id === run && file === 'completions');
  const colors = useColors(page?.pairs.flatMap(({ before, after }) => [before, after]) ?? []);
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="Completions">
        {tools}
        {colors.chooser}
      </div>
      {error !== null && <p class="problem">{error}</p>}
      {page !== undefined && (
        <p class="note">
          {page.total === 0
            ? 'There is only one update so far: nothing to compare with yet.'
            : page.samePrompt
              ? 'The first and the latest text on the same prompt, those furthest apart first.'
              : 'No prompt came twice: texts of the first update, and of the latest.'}
        </p>
      )}
      {colors.legend}
      <div class="pairs">
        {page?.pairs.map(({ before, after }) => (
          <div class="pair" key={`${before.index} ${after.index}`}>
            <CompletionCard row={before} {...colors.choice} />
            <CompletionCard row={after} {...colors.choice} />
          </div>
        ))}
      </div>
      {page !== undefined && page.total > 0 && <Pager {...{ offset, setOffset, total: page.total, size: PAIRS }} />}
    </>
  );
}

/** What tokens are coloured by, what chooses it, and what the colours mean. */
function useColors(texts: readonly Completion[]) {
  const [chosen, setChosen] = useState<Quantity | 'none' | null>(null);
  const there = quantitiesOf(texts);
  const quantity = chosen === 'none' ? null : (there.find((name) => name === chosen) ?? there[0] ?? null);
  const scale = quantity === null ? 1 : scaleOf(texts, quantity);
  const options = [...there, 'none' as const];
  useShortcuts({
    c: () => setChosen(options[(options.indexOf(quantity ?? 'none') + 1) % options.length]!),
    j: () => moveFocus(1),
    k: () => moveFocus(-1),
  });
  const chooser = there.length > 0 && (
    <label>
      Colour
      <select
        value={quantity ?? 'none'}
        onChange={(event) => setChosen(event.currentTarget.value as Quantity | 'none')}
      >
        {options.map((name) => (
          <option key={name} value={name}>
            {name === 'none' ? 'none' : MEANINGS[name].title}
          </option>
        ))}
      </select>
    </label>
  );
  const legend =
    quantity !== null ? (
      <p class="legend">
        <span>
          {figure(-scale)} {MEANINGS[quantity].low}
        </span>
        <span class={`gradient ${quantity}`} />
        <span>
          {quantity === 'logProbs' ? '0' : figure(scale)} {MEANINGS[quantity].high}
        </span>
      </p>
    ) : (
      texts.length > 0 && there.length === 0 && <p class="note">This run has no numbers for each token.</p>
    );
  return { chooser, legend, choice: { quantity, scale } };
}

function Pager(props: { offset: number; setOffset: (offset: number) => void; total: number; size: number }) {
  const { offset, setOffset, total, size } = props;
  const turn = (to: number): void => {
    setOffset(to);
    document.querySelector('main')?.scrollTo(0, 0);
  };
  return (
    <div class="pager">
      <button type="button" disabled={offset === 0} onClick={() => turn(Math.max(0, offset - size))}>
        Back
      </button>
      <span>
        {offset + 1}–{Math.min(total, offset + size)} of {total.toLocaleString('en')}
      </span>
      <button type="button" disabled={offset + size >= total} onClick={() => turn(offset + size)}>
        On
      </button>
    </div>
  );
}

function moveFocus(by: number): void {
  const all = [...document.querySelectorAll<HTMLElement>('.completion')];
  const next = all[Math.max(0, Math.min(all.length - 1, all.indexOf(document.activeElement as HTMLElement) + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}
