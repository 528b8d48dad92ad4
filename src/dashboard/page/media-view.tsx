// Pictures and videos that runs have made.

import { useEffect, useState } from 'preact/hooks';
import type { RunDetail } from '../api.ts';
import type { ShownRun } from './app.tsx';
import { address, useAnswer } from './ask.ts';
import { Swatch } from './run-list.tsx';

export function MediaView({ runs }: { runs: readonly ShownRun[] }) {
  const withMedia = runs.filter(({ media }) => media > 0);
  const [open, setOpen] = useState<{ url: string; name: string } | null>(null);
  if (withMedia.length === 0) {
    return (
      <p class="empty">
        None of the runs that are shown has pictures or videos. They are put into a run's <code>media/</code> folder.
      </p>
    );
  }
  return (
    <>
      {withMedia.map((run) => (
        <RunMedia key={run.id} run={run} open={setOpen} />
      ))}
      {open !== null && <Enlarged {...open} close={() => setOpen(null)} />}
    </>
  );
}

function RunMedia({ run, open }: { run: ShownRun; open: (picture: { url: string; name: string }) => void }) {
  const { value, error } = useAnswer<RunDetail>(`${address('run', { run: run.id })}&media=${run.media}`);
  return (
    <section aria-label={run.id}>
      <h2>
        <Swatch color={run.color} /> {run.id || '.'}
      </h2>
      {error !== null && <p class="problem">{error}</p>}
      <div class="media">
        {withoutCopies(value?.media ?? []).map(({ name }) => {
          const url = address('file', { run: run.id, folder: 'media', name });
          return (
            <figure key={name}>
              {/\.(?:mp4|webm)$/i.test(name) ? (
                <video src={url} controls loop muted playsInline preload="metadata" />
              ) : (
                <button type="button" onClick={() => open({ url, name })} aria-label={`Enlarge ${name}`}>
                  <img src={url} alt={name} loading="lazy" />
                </button>
              )}
              <figcaption>{name}</figcaption>
            </figure>
          );
        })}
      </div>
    </section>
  );
}

/** A picture that is there as SVG too, which is sharper, is not shown twice. */
function withoutCopies(media: RunDetail['media']): RunDetail['media'] {
  const names = new Set(media.map(({ name }) => name));
  return media.filter(({ name }) => !name.endsWith('.png') || !names.has(name.replace(/png$/, 'svg')));
}

function Enlarged({ url, name, close }: { url: string; name: string; close: () => void }) {
  useEffect(() => document.querySelector<HTMLDialogElement>('.enlarged')?.showModal(), []);
  return (
    <dialog class="enlarged" aria-label={name} onClose={close} onClick={close}>
      <img src={url} alt={name} />
    </dialog>
  );
}
