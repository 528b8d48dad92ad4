// `gymformer train` on a recipe of kind `rlhf`: a language model learns sentences, people (a rule, rather) label what it writes, a reward
// model learns from the labels, and reinforcement learning from the reward model. Best of n and DPO are measured beside it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { descriptiveness, sceneSentences } from '../env/text/index.ts';
import {
  type CausalLM,
  fromConfig,
  type RewardModel,
  savePretrained,
  type Tokenizer,
  trainByteLevelTokenizer,
} from '../lm/index.ts';
import { copyCausalLM } from '../lm/models/architectures.ts';
import { SeedSequence } from '../random/index.ts';
import { LMActorNetwork, LMCriticNetwork } from '../rl/index.ts';
import { defaultRunDirectory, RunDirectory } from '../tracking/index.ts';
import {
  type ExampleProgress,
  type RewardResult,
  trainAgent,
  trainDpo,
  trainReward,
  trainSft,
} from '../trainer/index.ts';
import { EXIT_INTERRUPTED } from './cli-error.ts';
import { clock, grouped } from './format.ts';
import { parseOverrides } from './overrides.ts';
import { readRecipeOf } from './recipe.ts';
import { curveSvg } from './rlhf-curve.ts';
import { label, type Labels, write, writeLabels, type WrittenText } from './rlhf-labels.ts';
import { bestOfN, bestOfNDivergence, divergence, measure } from './rlhf-measure.ts';
import {
  comparison,
  type Contestant,
  introduction,
  labelsText,
  resultJson,
  rewardText,
  type RlhfResult,
  rlProgressText,
  rlText,
  samplesText,
  type UpdatePoint,
  whereAndNext,
} from './rlhf-report.ts';
import { type RlhfRecipe, rlhfRecipeSchema } from './rlhf-schema.ts';
import { Screen, type ScreenFlags } from './screen.ts';

/** Trains, and returns the exit code. */
export async function trainRlhf(path: string, words: readonly string[], flags: ScreenFlags): Promise<number> {
  const recipe = readRecipeOf(rlhfRecipeSchema, path, parseOverrides(words));
  const screen = new Screen(flags);
  try {
    const run = new RlhfRun(recipe, screen);
    return await run.directory.closedAfter(() => run.train());
  } finally {
    screen.release();
  }
}

/** Sentences to learn, and the beginnings of others as queries: to train with, and to measure by. */
interface Data {
  readonly sentences: readonly string[];
  readonly queries: readonly string[];
  readonly heldOut: readonly string[];
}

class RlhfRun {
  readonly directory: RunDirectory;
  readonly #recipe: RlhfRecipe & { readonly seed: number };
  readonly #screen: Screen;
  readonly #seeds: Readonly<Record<Stage, number>>;
  readonly #data: Data;
  readonly #tokenizer: Tokenizer;
  readonly #model: CausalLM;
  readonly #maxGeneration: number;
  readonly #started = performance.now();

  constructor({ runDirectory, ...given }: RlhfRecipe, screen: Screen) {
    const seed = given.seed ?? new SeedSequence().generateState(1)[0]!;
    this.#recipe = { ...given, seed };
    this.#screen = screen;
    this.#seeds = seedsOf(seed);
    this.#data = dataOf(this.#recipe);
    const { config, vocabSize = 512 } = given.model;
    const specialTokens = { eosToken: '<eos>', padToken: '<pad>' };
    this.#tokenizer = trainByteLevelTokenizer(this.#data.sentences, { vocabSize, specialTokens });
    const { eosTokenId, padTokenId } = this.#tokenizer;
    const ids = { eos_token_id: eosTokenId, bos_token_id: eosTokenId, pad_token_id: padTokenId };
    this.#model = fromConfig({ ...config, ...ids, vocab_size: this.#tokenizer.vocabSize }, { seed: this.#seeds.model });
    this.#maxGeneration = given.envOptions?.maxGeneration ?? 64;
    this.directory = new RunDirectory(runDirectory ?? defaultRunDirectory('rlhf', seed));
    this.directory.writeConfig({ kind: 'rlhf', seed, recipe: this.#recipe });
    // With the seed in it, this recipe is the run.
    writeFileSync(this.#file('recipe.yaml'), stringify(this.#recipe));
  }

  async train(): Promise<number> {
    const { texts = Math.min(512, this.#data.heldOut.length), samples = 4 } = this.#recipe.evaluation ?? {};
    const screen = this.#screen;
    screen.say(introduction(this.#recipe, this.#model, this.#data.sentences.length));

    await this.#learnSentences();
    if (this.#stopped()) return EXIT_INTERRUPTED;
    const tuned = copyCausalLM(this.#model);
    await savePretrained(tuned, this.#file('models/sft'), { tokenizer: this.#tokenizer });

    const labels = await this.#label(tuned);
    if (this.#stopped()) return EXIT_INTERRUPTED;
    const reward = await this.#learnReward(tuned);
    if (this.#stopped()) return EXIT_INTERRUPTED;
    const points = await this.#reinforce(reward.rewardModel);
    if (this.#stopped()) return EXIT_INTERRUPTED;
    const preferred = await this.#prefer(tuned);
    if (this.#stopped()) return EXIT_INTERRUPTED;

    screen.say(`\n6. What came of it: ${grouped(texts)} texts of each model, on queries that none has seen`);
    const contestants = await this.#compare(tuned, preferred, reward.rewardModel, texts);
    const result: RlhfResult = {
      seed: this.#recipe.seed,
      seconds: (performance.now() - this.#started) / 1000,
      runDirectory: this.directory.path,
      labels: labels.rows.length,
      slips: labels.slips,
      heldOutAccuracy: reward.bestEvaluation?.['accuracy'] ?? null,
      klTarget: targetOf(this.#recipe),
      points,
      contestants,
    };
    this.#writeDown(result);
    screen.say(comparison(result));
    screen.say(samplesText(contestants, samples));
    screen.say(whereAndNext(result));
    screen.result(resultJson(result));
    return 0;
  }

  /** Every model's texts go on from the same queries; the best of n is chosen among the fine-tuned model's. */
  async #compare(
    tuned: CausalLM,
    preferred: CausalLM | null,
    reward: RewardModel,
    count: number,
  ): Promise<readonly Contestant[]> {
    const queries = this.#data.heldOut.slice(0, count);
    const { candidates = 4 } = this.#recipe.preferences;
    const draw = (model: CausalLM, prompts: readonly string[]): Promise<readonly WrittenText[]> =>
      this.#write(model, prompts, this.#seeds.evaluation);
    const several = await draw(
      tuned,
      queries.flatMap((query) => Array.from({ length: candidates }, () => query)),
    );
    const first = several.filter((_, i) => i % candidates === 0);
    const best = await bestOfN(several, candidates, reward);
    const models = [
      ['DPO', preferred],
      ['PPO', this.#model],
    ] as const;
    const trained = models.flatMap(([name, model]) => (model === null ? [] : [{ name, model }]));
    const contestants: Contestant[] = [
      { name: 'fine-tuned', ...(await measure(first, reward, 0)) },
      { name: `best of ${candidates}`, ...(await measure(best, reward, bestOfNDivergence(candidates))) },
    ];
    for (const { name, model } of trained) {
      const written = await draw(model, queries);
      const kl = await divergence(written, model, tuned);
      contestants.push({ name, ...(await measure(written, reward, kl)) });
    }
    return contestants;
  }

  async #learnSentences(): Promise<void> {
    const { sft } = this.#recipe;
    this.#begin('1. Learning to write sentences, by example', 'step');
    const { trainLoss } = await trainSft({
      ...sft,
      model: this.#model,
      tokenizer: this.#tokenizer,
      dataset: this.#data.sentences.map((text) => ({ text })),
      format: 'text',
      seed: this.#seeds.sft,
      runDirectory: this.#file('sft'),
      ...this.#watched(),
    });
    this.#screen.say(`   ${grouped(trainLoss.length)} steps, loss ${trainLoss.at(-1)!.toFixed(3)}.`);
  }

  async #label(tuned: CausalLM): Promise<Labels> {
    const { count, candidates = 4, noise = 0 } = this.#recipe.preferences;
    this.#begin(`2. Labels: which of ${candidates} texts is most descriptive?`, 'text');
    const queries = Array.from({ length: count }, (_, i) => this.#data.queries[i % this.#data.queries.length]!);
    const prompts = queries.flatMap((query) => Array.from({ length: candidates }, () => query));
    const written = await this.#write(tuned, prompts, this.#seeds.labels);
    const groups = queries.map((_, i) => written.slice(i * candidates, (i + 1) * candidates));
    const labels = label(groups, { noise, seed: this.#seeds.labels });
    await writeLabels(this.#file('labels.json'), labels.rows);
    this.#screen.say(labelsText(labels, groups[0]!, this.#file('labels.json')));
    return labels;
  }

  async #learnReward(tuned: CausalLM): Promise<RewardResult> {
    this.#begin('3. A reward model, from the labels alone', 'step');
    const result = await trainReward({
      ...this.#recipe.reward,
      model: tuned,
      tokenizer: this.#tokenizer,
      labelTokenizer: this.#tokenizer,
      datasetsPath: this.#file('labels.json'),
      rewardModelPath: this.#file('models/reward'),
      seed: this.#seeds.reward,
      runDirectory: this.#file('reward'),
      ...this.#watched(),
    });
    this.#screen.say(rewardText(result, this.#recipe.preferences));
    return result;
  }

  /** One point an update; the rule is looked at, and told to nobody. */
  async #reinforce(reward: RewardModel): Promise<readonly UpdatePoint[]> {
    const { algorithm = { name: 'ppo' as const }, ...options } = this.#recipe.rl;
    this.#begin(`4. Reinforcement learning in RLHFEnv-v0, by ${algorithm.name.toUpperCase()}`, 'update');
    const points: UpdatePoint[] = [];
    let rules: number[] = [];
    const actor = new LMActorNetwork(this.#model, { padTokenId: this.#tokenizer.padTokenId });
    await trainAgent({
      ...options,
      envName: 'RLHFEnv-v0',
      envOptions: { ...this.#recipe.envOptions, tokenizer: this.#tokenizer, dataset: this.#data.queries, reward },
      actor,
      critic: algorithm.name === 'ppo' ? new LMCriticNetwork(this.#model, { seed: this.#seeds.critic }) : undefined,
      algorithm,
      seed: this.#seeds.rl,
      runDirectory: this.#file('rl'),
      signal: this.#screen.signal,
      callbacks: {
        onEpisodeEnd: ({ info }) => {
          rules.push(descriptiveness(`${String(info['prompt'])}${String(info['completion'])}`));
        },
        onUpdateEnd: (progress, { kl = 0, klCoef = 0, scores = 0 }) => {
          points.push({ kl, klCoef, reward: scores, rule: rules.reduce((sum, rule) => sum + rule, 0) / rules.length });
          rules = [];
          this.#screen.progress(progress.seconds, () => rlProgressText(progress, points.at(-1)!));
        },
      },
    });
    await savePretrained(this.#model, this.#file('models/ppo'), { tokenizer: this.#tokenizer });
    this.#screen.say(rlText(points, targetOf(this.#recipe)));
    return points;
  }

  /** The same labels without a reward model. Null if the recipe has none of it. */
  async #prefer(tuned: CausalLM): Promise<CausalLM | null> {
    const { dpo } = this.#recipe;
    if (dpo == null) return null;
    this.#begin('5. Beside it: DPO, from the same labels', 'step');
    const model = copyCausalLM(tuned);
    const { trainLoss } = await trainDpo({
      ...dpo,
      model,
      tokenizer: this.#tokenizer,
      labelTokenizer: this.#tokenizer,
      dataset: this.#file('labels.json'),
      seed: this.#seeds.dpo,
      runDirectory: this.#file('dpo'),
      ...this.#watched(),
    });
    await savePretrained(model, this.#file('models/dpo'), { tokenizer: this.#tokenizer });
    this.#screen.say(`   ${grouped(trainLoss.length)} steps, loss ${trainLoss.at(-1)!.toFixed(3)}.`);
    return model;
  }

  #writeDown(result: RlhfResult): void {
    const { contestants, points } = result;
    const named = contestants.map(({ name, kl, rule }) => ({ name, kl, score: rule }));
    const path = points.map(({ kl, rule }) => ({ kl, score: rule }));
    writeFileSync(this.#file('curve.svg'), curveSvg(path, named, 'Descriptiveness against divergence'));
    const rows = contestants[0]!.texts.map((_, i) =>
      JSON.stringify(Object.fromEntries(contestants.map(({ name, texts }) => [name, texts[i]]))),
    );
    writeFileSync(this.#file('evaluation.jsonl'), `${rows.join('\n')}\n`);
    this.directory.writeSummary(resultJson(result));
  }

  #write(model: CausalLM, prompts: readonly string[], seed: number): Promise<readonly WrittenText[]> {
    const { signal } = this.#screen;
    return write({ model, tokenizer: this.#tokenizer }, prompts, { maxNewTokens: this.#maxGeneration, seed, signal });
  }

  #begin(heading: string, unit: string): void {
    this.#screen.say(`\n${heading}`);
    this.#screen.begin(unit);
  }

  /** What trainers on examples are told of the screen. */
  #watched() {
    const screen = this.#screen;
    const onStep = ({ seconds, steps, totalSteps, loss }: ExampleProgress): void =>
      screen.progress(
        seconds,
        () => `${grouped(steps)}/${grouped(totalSteps)} steps  loss ${loss!.toFixed(3)}  ${clock(seconds)}`,
      );
    return { signal: screen.signal, warn: (message: string) => screen.warn(message), callbacks: { onStep } };
  }

  #stopped(): boolean {
    const { aborted } = this.#screen.signal;
    if (aborted) this.#screen.say(`\nInterrupted. What there is so far is in ${this.directory.path}.`);
    return aborted;
  }

  #file(name: string): string {
    return join(this.directory.path, name);
  }
}

const STAGES = ['model', 'sft', 'labels', 'reward', 'critic', 'rl', 'dpo', 'evaluation'] as const;
type Stage = (typeof STAGES)[number];

/** A seed for each stage. */
function seedsOf(seed: number): Readonly<Record<Stage, number>> {
  const state = new SeedSequence(seed).generateState(STAGES.length);
  return Object.fromEntries(STAGES.map((stage, i) => [stage, state[i]!])) as Record<Stage, number>;
}

/** One to three words of each sentence are a query. */
function dataOf({ dataset, seed: own, evaluation }: RlhfRecipe & { readonly seed: number }): Data {
  const { count, queries = 2000, seed = own } = dataset;
  const heldOut = evaluation?.texts ?? 512;
  const all = sceneSentences({ count: count + queries + heldOut, seed });
  const beginnings = all.slice(count).map((text, i) =>
    text
      .split(' ')
      .slice(0, 1 + (i % 3))
      .join(' '),
  );
  return { sentences: all.slice(0, count), queries: beginnings.slice(0, queries), heldOut: beginnings.slice(queries) };
}

function targetOf({ envOptions }: RlhfRecipe): number | null {
  const { klCoef } = envOptions ?? {};
  return typeof klCoef === 'object' ? klCoef.target : null;
}
