// What keys do.

import { useEffect, useRef } from 'preact/hooks';

const KEYS: readonly (readonly [title: string, keys: readonly (readonly [keys: string, what: string])[]])[] = [
  [
    'Everywhere',
    [
      ['1 … 5', 'charts, completions, replays, config, media'],
      ['r', 'to the list of runs'],
      ['/', 'to the search field'],
      ['t', 'light or dark'],
      ['Esc', 'close, or show everything again'],
      ['?', 'this list'],
    ],
  ],
  [
    'List of runs',
    [
      ['↑ ↓', 'from run to run'],
      ['Space', 'show or hide'],
      ['Enter', 'show this run alone'],
    ],
  ],
  [
    'Charts',
    [
      ['x', 'next horizontal axis'],
      ['[ ]', 'less or more smoothing'],
      ['l', 'logarithmic or linear'],
      ['g', 'seeds as mean and band'],
      ['← →', 'move the cursor of a chart in focus'],
      ['+ − 0', 'closer, further, everything'],
    ],
  ],
  [
    'Completions',
    [
      ['j k', 'next, previous'],
      ['c', 'colour by the next quantity'],
    ],
  ],
  [
    'Replays',
    [
      ['Space', 'play or pause'],
      ['← →', 'a frame back or on'],
      [', .', 'slower, faster'],
      ['j k', 'next, previous replay'],
    ],
  ],
];

export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-label="Keyboard"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <h2>Keyboard</h2>
      <div class="help-groups">
        {KEYS.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([key, what]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <button type="button" onClick={close}>
        Close
      </button>
    </dialog>
  );
}
