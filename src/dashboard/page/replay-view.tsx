// Recorded episodes, drawn by the code that draws the environments themselves.

import { useEffect, useRef, useState } from 'preact/hooks';
import { drawingOf } from '../../env/rendering/drawings.ts';
import { isReplay, type Replay } from '../../env/rendering/replay.ts';
import type { RunDetail } from '../api.ts';
import type { ShownRun } from './app.tsx';
import { address, useAnswer } from './ask.ts';
import { useRun } from './choose-run.tsx';
import { figure } from './format.ts';
import { useShortcuts } from './keys.ts';

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4, 8] as const;

export function ReplayView({ runs }: { runs: readonly ShownRun[] }) {
  const [run, chooser] = useRun(runs.filter(({ replays }) => replays > 0));
  if (run === undefined) {
    return (
      <p class="empty">
        None of the runs that are shown has recorded episodes. Agents record some in environments that can be drawn,
        such as CartPole-v1: try <code>npm run cartpole</code>.
      </p>
    );
  }
  return <RunReplays key={run.id} run={run} tools={chooser()} />;
}

function RunReplays({ run, tools }: { run: ShownRun; tools: preact.ComponentChildren }) {
  const [name, setName] = useState<string | null>(null);
  // More recordings are another question.
  const { value: detail, error } = useAnswer<RunDetail>(`${address('run', { run: run.id })}&replays=${run.replays}`);
  const names = detail?.replays.map((file) => file.name) ?? [];
  const current = names.find((other) => other === name) ?? names.at(-1) ?? null;
  const url = current === null ? null : address('file', { run: run.id, folder: 'replays', name: current });
  const replay = useAnswer<unknown>(url);
  const step = (by: number): void => {
    const next = names[names.indexOf(current ?? '') + by];
    if (next !== undefined) setName(next);
  };
  useShortcuts({ j: () => step(1), k: () => step(-1) });
  const problem = error ?? replay.error ?? problemOf(replay.value);
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="Replays">
        {tools}
        <label>
          Episode
          <select value={current ?? ''} onChange={(event) => setName(event.currentTarget.value)}>
            {names.map((file) => (
              <option key={file} value={file}>
                {file.replace(/\.json$/, '').replaceAll('-', ' ')}
              </option>
            ))}
          </select>
        </label>
      </div>
      {problem !== null && (
        <p class="problem">
          {current}: {problem}
        </p>
      )}
      {problem === null && isReplay(replay.value) && <Player key={current} replay={replay.value} />}
    </>
  );
}

function problemOf(value: unknown): string | null {
  if (value === undefined || isReplay(value)) return null;
  const id = (value as Partial<Replay> | null)?.envId;
  return typeof id === 'string' && drawingOf(id) === undefined
    ? `there is no drawing of ${id}`
    : 'not a recorded episode';
}

function Player({ replay }: { replay: Replay }) {
  const { frames, envId, episode } = replay;
  const drawing = drawingOf(envId)!;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [index, setIndex] = useState(0);
  const [playing, setPlaying] = useState(true);
  const [speed, setSpeed] = useState(1);
  const last = frames.length - 1;
  const go = (to: number): void => {
    setPlaying(false);
    setIndex(Math.max(0, Math.min(last, to)));
  };
  const toggle = (): void => {
    if (!playing && index === last) setIndex(0);
    setPlaying(!playing);
  };
  const faster = (by: number): void => {
    setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(speed as 1) + by))]!);
  };
  useShortcuts({
    ' ': toggle,
    ArrowLeft: () => go(index - 1),
    ArrowRight: () => go(index + 1),
    Home: () => go(0),
    End: () => go(last),
    ',': () => faster(-1),
    '.': () => faster(1),
  });

  useEffect(() => {
    if (!playing) return;
    const begun = performance.now();
    let frame = 0;
    const play = (now: number): void => {
      // The first frame's time may lie before the moment at which it was asked for.
      const seconds = Math.max(0, now - begun) / 1000;
      const at = Math.min(last, index + Math.floor(seconds * drawing.fps * speed));
      setIndex(at);
      if (at === last) setPlaying(false);
      else frame = requestAnimationFrame(play);
    };
    frame = requestAnimationFrame(play);
    return () => cancelAnimationFrame(frame);
    // `index` is where playing began; the animation goes on from there by itself.
  }, [playing, speed, last]);

  const { width, height } = drawing.size(frames[0]!.state);
  useEffect(() => {
    const context = canvas.current!.getContext('2d')!;
    const scale = canvas.current!.width / width;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    drawing.draw(context, frames[index]!.state);
  }, [index, replay]);

  const { action, reward } = frames[index]!;
  const earned = frames.slice(0, index + 1).reduce((sum, frame) => sum + frame.reward, 0);
  const ratio = Math.min(2, Math.ceil(devicePixelRatio));
  return (
    <figure class="player">
      <canvas
        ref={canvas}
        width={width * ratio}
        height={height * ratio}
        style={{ aspectRatio: `${width} / ${height}`, maxWidth: `${Math.max(width, 480)}px` }}
        role="img"
        aria-label={`${envId}, step ${index} of ${last}`}
      />
      <div class="controls">
        <button type="button" class="play" aria-label={playing ? 'Pause' : 'Play'} onClick={toggle}>
          {playing ? '❚❚' : '▶'}
        </button>
        <input
          type="range"
          min="0"
          max={last}
          value={index}
          aria-label="Step"
          onInput={(event) => go(event.currentTarget.valueAsNumber)}
        />
        <label>
          <span class="visually-hidden">Speed</span>
          <select value={speed} onChange={(event) => setSpeed(Number(event.currentTarget.value))}>
            {SPEEDS.map((factor) => (
              <option key={factor} value={factor}>
                {factor}×
              </option>
            ))}
          </select>
        </label>
      </div>
      <figcaption>
        <Fact name="environment" value={envId} />
        <Fact name="learned from" value={`${episode.toLocaleString('en')} episodes`} />
        <Fact name="step" value={`${index} of ${last}`} />
        <Fact name="action" value={action === null ? '–' : JSON.stringify(action)} />
        <Fact name="reward" value={figure(reward)} />
        <Fact name="return so far" value={`${figure(earned)} of ${figure(replay.return)}`} />
      </figcaption>
    </figure>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <span>{name}</span>
      <b>{value}</b>
    </div>
  );
}
