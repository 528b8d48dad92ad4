// Ctrl-C while something takes long: how many seconds pass until the run has saved and ended.

import { existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { characterTokenizer, fromConfig, savePretrained } from '../../src/lm/index.ts';
import { latestCheckpoint } from '../../src/trainer/index.ts';
import { FOLDER } from './results.ts';
import { started, untilRow } from './tiny-runs.ts';

/** What came of the signals in one work. */
export interface Interrupted {
  readonly work: string;
  readonly tried: number;
  /** Ended by the signal's exit code, with the summary of one that was stopped, and a checkpoint if there was anything to save. */
  readonly saved: number;
  /** That an update, a step or the reading takes. */
  readonly takes: number;
  /** From the signal to the end, the longest of all. */
  readonly worst: number;
}

/** A work: the command's words, and where its rows are. */
interface Work {
  readonly words: readonly string[];
  /** The run in whose metrics.jsonl a row shows that an update is over; null for a work that is stopped before the first. */
  readonly rows: string | null;
}

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
const HERE = join(FOLDER, 'signals');
const RUN = join(HERE, 'run');
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789 .+=\n';

/** Of 60 million weights: with their moments more than half a gigabyte. */
const LARGE = { model_type: 'gpt2', n_positions: 128, n_embd: 640, n_layer: 12, n_head: 10 };
const SMALL = { model_type: 'gpt2', n_positions: 256, n_embd: 128, n_layer: 4, n_head: 4 };
const PPO = { name: 'ppo', lrActor: 1e-5, updateEpochs: 4, minibatchSize: 8 };
const GRPO = { name: 'grpo', learningRate: 1e-5, updateEpochs: 4, minibatchSize: 8 };

/** Texts of up to so many tokens are written and learned from. */
function rewards(
  name: string,
  config: object,
  algorithm: object,
  { texts, tokens, ...more }: { readonly texts: number; readonly tokens: number; readonly groupSize?: number },
): Work {
  const recipe = join(HERE, `${name}.yaml`);
  const wanted = {
    kind: 'reasoning',
    dataset: { generator: 'addition', digits: 2, count: 500 },
    model: { config, tokenizer: { type: 'characters' } },
    envOptions: { promptFormat: 'plain', template: '{question}', fewShot: [], maxGeneration: tokens },
    sft: null,
    rl: { algorithm, numEnvs: Math.min(64, texts), updateInterval: texts, maxEpisodes: 1e6, ...more },
    evaluation: { problems: 1, sampled: false },
    seed: 1,
  };
  writeFileSync(recipe, stringify(wanted));
  return { words: ['train', recipe], rows: join(RUN, 'rl') };
}

/** Learning from rows. */
function examples(kind: 'sft' | 'reward' | 'dpo', rows: string, ...more: readonly string[]): Work {
  const words = [kind, join(HERE, 'model'), '--dataset', join(HERE, rows), '--epochs', '1000', '--seed', '1', ...more];
  return { words, rows: RUN };
}

async function works(): Promise<Readonly<Record<string, Work>>> {
  rmSync(HERE, { recursive: true, force: true });
  mkdirSync(HERE, { recursive: true });
  const tokenizer = characterTokenizer(LETTERS, { specialTokens: { padToken: '<pad>', eosToken: '<eos>' } });
  const model = fromConfig({ ...LARGE, vocab_size: tokenizer.vocabSize, eos_token_id: tokenizer.eosTokenId });
  await savePretrained(model, join(HERE, 'model'), { tokenizer });
  const text = (i: number): string => `${i} `.repeat(10).slice(0, 40);
  fill('texts.jsonl', 4e4, (i) => ({ prompt: text(i), completion: text(i + 1) }));
  fill('pairs.jsonl', 4e4, (i) => ({ prompt: text(i), chosen: text(i + 1), rejected: text(i + 2) }));
  fill('many-texts.jsonl', 64e6, (i) => ({ prompt: text(i), completion: text(i + 1) }));
  fill('many-pairs.jsonl', 64e6, (i) => ({ prompt: text(i), chosen: text(i + 1), rejected: text(i + 2) }));
  const batches = ['--batchSize', '8', '--gradientAccumulation', '16'];
  const whole = ['--batchSize', '80'];
  return {
    'PPO, writing': rewards(
      'writing',
      SMALL,
      { ...PPO, updateEpochs: 1, minibatchSize: 128 },
      { texts: 512, tokens: 200 },
    ),
    'PPO, learning': rewards('learning', LARGE, PPO, { texts: 64, tokens: 24 }),
    'GRPO, learning': rewards('grpo', LARGE, GRPO, { texts: 64, tokens: 24, groupSize: 4 }),
    'sft, many batches a step': examples('sft', 'texts.jsonl', ...batches),
    'sft, one batch a step': examples('sft', 'texts.jsonl', ...whole),
    'reward, many batches a step': examples('reward', 'pairs.jsonl', '--train', 'full', ...batches),
    'dpo, many batches a step': examples('dpo', 'pairs.jsonl', ...batches),
    'sft, reading 64 MB': { ...examples('sft', 'many-texts.jsonl'), rows: null },
    'reward, reading 64 MB': { ...examples('reward', 'many-pairs.jsonl'), rows: null },
    'dpo, reading 64 MB': { ...examples('dpo', 'many-pairs.jsonl'), rows: null },
  };
}

/** Writes rows until there are so many bytes. */
function fill(name: string, bytes: number, row: (i: number) => object): void {
  const file = openSync(join(HERE, name), 'w');
  for (let i = 0, written = 0; written < bytes; ) {
    const lines = Array.from({ length: 1000 }, () => JSON.stringify(row(i++))).join('\n');
    written += writeSync(file, `${lines}\n`);
  }
  closeSync(file);
}

/** Interrupts each work so often, at moments that are spread over what takes long. @param only works whose names begin so */
export async function signals(count: number, only = ''): Promise<Interrupted[]> {
  const found: Interrupted[] = [];
  for (const [work, { words, rows }] of Object.entries(await works())) {
    if (!work.startsWith(only)) continue;
    let [saved, worst, takes] = [0, 0, rows === null ? 20 : 0];
    for (let i = 0; i < count; i++) {
      rmSync(RUN, { recursive: true, force: true });
      const { child, ended } = started(
        [process.execPath, '--import', 'tsx', MAIN, ...words, '--runDirectory', RUN, '--quiet'],
        { GYMFORMER_THREADS: '' },
      );
      if (rows === null) await pause(2000);
      else {
        await untilRow(child, rows, 1);
        takes = Math.max(takes, (lastRow(rows)['seconds'] as number) ?? 0);
      }
      await pause(((i + 0.5) / count) * takes * 1000);
      const began = performance.now();
      child.kill('SIGINT');
      const { code, errors } = await ended;
      const seconds = (performance.now() - began) / 1000;
      const isSaved =
        code === 130 && (rows === null || (stoppedBySignal(rows) && latestCheckpoint(rows) !== undefined));
      if (!isSaved) console.error(`${work}: exit code ${code}; ${errors}`);
      if (isSaved) saved++;
      worst = Math.max(worst, seconds);
      console.error(
        `${work}: update of ${takes.toFixed(1)} s, ended after ${seconds.toFixed(1)} s, ${isSaved ? 'saved' : 'NOT saved'}`,
      );
    }
    found.push({ work, tried: count, saved, takes, worst });
  }
  rmSync(HERE, { recursive: true, force: true });
  return found;
}

function lastRow(run: string): Readonly<Record<string, unknown>> {
  const line = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1)!;
  return JSON.parse(line) as Readonly<Record<string, unknown>>;
}

function stoppedBySignal(run: string): boolean {
  const file = join(run, 'summary.json');
  return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { stoppedBy?: string }).stoppedBy === 'signal';
}
