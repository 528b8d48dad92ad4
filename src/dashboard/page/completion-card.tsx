// One text: what was asked, what was written, what came of it. Everything in it is text, whatever it looks like.

import { useState } from 'preact/hooks';
import type { Completion } from '../api.ts';
import { figure } from './format.ts';
import { backgroundOf, MEANINGS, QUANTITIES, type Quantity } from './token-colors.ts';

interface Props {
  readonly row: Completion;
  readonly quantity: Quantity | null;
  readonly scale: number;
  /** Marked where it occurs in the prompt, or in a text without tokens. */
  readonly found?: string;
}

/** Tokens that are shown at first. */
const MOST_TOKENS = 600;

export function CompletionCard({ row, quantity, scale, found = '' }: Props) {
  const { update, return: total, correct, answer, correctAnswer, finishReason, score, kl, tokens } = row;
  const facts: readonly (readonly [string, string | null])[] = [
    ['return', total === null ? null : figure(total)],
    ['score', score === null ? null : figure(score)],
    ['KL', kl === null ? null : figure(kl)],
    ['tokens', tokens === null ? null : String(tokens)],
    ['ended by', finishReason],
    ['answer', answer],
    ['right answer', correct === false ? correctAnswer : null],
  ];
  return (
    <article class="completion" tabIndex={0} aria-label={`Completion of update ${update ?? '?'}`}>
      <header>
        <b>update {update ?? '–'}</b>
        {correct !== null && (
          <span class={correct ? 'verdict right' : 'verdict wrong'}>{correct ? 'right' : 'wrong'}</span>
        )}
        {facts.map(([name, value]) => value !== null && <Fact key={name} name={name} value={value} />)}
      </header>
      <div class="text">
        <span class="prompt">
          <Marked text={row.prompt} found={found} />
        </span>
        {row.tokenTexts === null ? (
          <Marked text={row.completion} found={found} />
        ) : (
          <Tokens row={row} texts={row.tokenTexts} quantity={quantity} scale={scale} />
        )}
      </div>
    </article>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <span class="fact">
      {name} <b>{value}</b>
    </span>
  );
}

function Tokens({ row, texts, quantity, scale }: Omit<Props, 'found'> & { texts: readonly string[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? texts : texts.slice(0, MOST_TOKENS);
  return (
    <>
      {shown.map((text, i) => (
        <span
          key={i}
          class="token"
          title={titleOf(row, text, i)}
          style={{ background: quantity === null ? undefined : backgroundOf(row[quantity]?.[i], quantity, scale) }}
        >
          {text}
        </span>
      ))}
      {shown.length < texts.length && (
        <button type="button" class="more" onClick={() => setAll(true)}>
          {texts.length - shown.length} more tokens
        </button>
      )}
    </>
  );
}

function titleOf(row: Completion, text: string, i: number): string {
  const numbers = QUANTITIES.flatMap((name) => {
    const value = row[name]?.[i];
    return value === null || value === undefined ? [] : [`${MEANINGS[name].short} ${figure(value)}`];
  });
  return [JSON.stringify(text), ...numbers].join('\n');
}

function Marked({ text, found }: { text: string; found: string }) {
  if (found === '') return <>{text}</>;
  const parts: preact.ComponentChild[] = [];
  const [whole, part] = [text.toLowerCase(), found.toLowerCase()];
  let from = 0;
  for (let at = whole.indexOf(part); at >= 0; at = whole.indexOf(part, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + part.length)}</mark>);
    from = at + part.length;
  }
  return (
    <>
      {parts}
      {text.slice(from)}
    </>
  );
}
