// `gymformer train` on a recipe of kind `rlhf`: a language model learns from examples, people (or a rule, in their place) say which of
// several texts they like best, a reward model learns from that, and reinforcement learning from the reward model. Best of n and DPO are
// measured beside it.

import { existsSync, writeFileSync } from 'node:fs';
import type { Query } from '../env/text/index.ts';
import { applyLora, type CausalLM, hasAdapters, mergeLora, RewardModel } from '../lm/index.ts';
import { copyCausalLM } from '../lm/models/architectures.ts';
import { LMActorNetwork, LMCriticNetwork } from '../rl/index.ts';
import { drawFigure, scoreAgainstKl, writeMedia } from '../plots/index.ts';
import { readRun } from '../tracking/index.ts';
import {
  type ExampleProgress,
  type ExampleResult,
  trainAgent,
  trainDpo,
  trainReward,
  trainSft,
} from '../trainer/index.ts';
import { EXIT_INTERRUPTED } from './cli-error.ts';
import { counted, figure } from './format.ts';
import { parseOverrides } from './overrides.ts';
import { exampleProgress, textProgress } from './progress.ts';
import { readRecipeOf } from './recipe.ts';
import { label, readLabels, samplesOf, write, writeLabels, type WrittenText } from './rlhf-labels.ts';
import { bestOfN, bestOfNDivergence, divergence, measure } from './rlhf-measure.ts';
import { bestEvaluation, updatePoints } from './rlhf-points.ts';
import {
  comparison,
  type Contestant,
  introduction,
  labelsText,
  resultJson,
  rewardText,
  type RlhfResult,
  rlText,
  samplesText,
  scoreOf,
  whereAndNext,
} from './rlhf-report.ts';
import { type RlhfRecipe, rlhfRecipeSchema } from './rlhf-schema.ts';
import { type RlhfSetup, setUp } from './rlhf-setup.ts';
import { Screen, type ScreenFlags } from './screen.ts';
import { textLimit } from './text-limit.ts';
import { trackersFor } from './tracking-schema.ts';

/** Trains, and returns the exit code. @param resumes whether to go on with the run in the recipe's directory */
export async function trainRlhf(
  path: string,
  words: readonly string[],
  flags: ScreenFlags,
  resumes = false,
): Promise<number> {
  const recipe = readRecipeOf(rlhfRecipeSchema, path, parseOverrides(words));
  const screen = new Screen(flags);
  try {
    const setup = await setUp(recipe, (message) => screen.warn(message), resumes);
    return await setup.run.directory.closedAfter(() => new RlhfRun(setup, screen).train());
  } finally {
    screen.release();
  }
}

/** Ctrl-C, in any stage: what there is is saved. */
class Interrupted extends Error {}

class RlhfRun {
  readonly #setup: RlhfSetup;
  readonly #screen: Screen;
  readonly #started = performance.now();
  #stages = 0;

  constructor(setup: RlhfSetup, screen: Screen) {
    this.#setup = setup;
    this.#screen = screen;
  }

  async train(): Promise<number> {
    const { run, queries } = this.#setup;
    const screen = this.#screen;
    screen.say(introduction(this.#setup));
    const { kind, seed } = this.#setup.recipe;
    screen.tell('start', { kind, seed, runDirectory: run.path });
    try {
      const result = await this.#goThrough();
      run.directory.writeSummary(resultJson(result));
      screen.say(comparison(result));
      screen.say(samplesText(result.contestants, this.#setup.recipe.evaluation?.samples ?? 4));
      const [first] = queries.heldOut;
      screen.say(whereAndNext(result, first!));
      screen.result(resultJson(result));
      return 0;
    } catch (error) {
      if (!(error instanceof Interrupted || screen.isInterrupt(error))) throw error;
      run.directory.writeSummary({ stoppedBy: 'signal', seed: this.#setup.recipe.seed, runDirectory: run.path });
      screen.say(`\nInterrupted. What there is so far is in ${run.path}.\nGo on with it:    ${run.goOn}`);
      screen.result({ stoppedBy: 'signal', runDirectory: run.path });
      return EXIT_INTERRUPTED;
    }
  }

  async #goThrough(): Promise<RlhfResult> {
    const { recipe, run } = this.#setup;
    const tuned = await this.#learnExamples();
    const labels = await this.#label(tuned);
    const reward = await this.#learnReward(tuned);
    const policy = await this.#reinforce(tuned, reward);
    const preferred = await this.#prefer(tuned);
    const contestants = await this.#compare(tuned, policy, preferred, reward);
    const points = await updatePoints(run.file('rl'), this.#setup.rule);
    const result: RlhfResult = {
      seed: recipe.seed,
      seconds: (performance.now() - this.#started) / 1000,
      runDirectory: run.path,
      labels: labels?.rows.length ?? null,
      slips: labels?.slips ?? null,
      heldOutAccuracy: (await bestEvaluation(run.file('reward')))?.accuracy ?? null,
      klTarget: targetOf(recipe),
      temperature: recipe.rl.temperature ?? 1,
      points,
      contestants,
    };
    await this.#draw(result);
    return result;
  }

  /** The model that everything else begins with. */
  async #learnExamples(): Promise<CausalLM> {
    const { recipe, run, examples, model, tokenizer, seeds } = this.#setup;
    const { sft } = recipe;
    if (sft == null || examples === null) return model;
    this.#begin('Learning to write, by example', 'step', 'examples');
    const done = await run.model('models/sft');
    if (done !== undefined) return this.#alreadyDone(done);
    const result = await trainSft({
      ...sft,
      model,
      tokenizer,
      dataset: examples,
      ...(typeof examples === 'string' ? {} : { format: 'text' as const }),
      seed: seeds.sft,
      ...this.#watched('sft'),
    });
    this.#endStage(result);
    await this.#leave('models/sft', model);
    return model;
  }

  /** Preferences by the rule; null if they are there already. */
  async #label(tuned: CausalLM) {
    const { recipe, run, rule, queries, preferences, seeds, tokenizer } = this.#setup;
    if (preferences !== null || rule === null) return null;
    const { count = 0, candidates = 4, noise = 0 } = recipe.preferences;
    this.#begin(`Labels: which of ${candidates} texts is most descriptive?`, 'text');
    const file = run.file('labels.json');
    if (!existsSync(file)) {
      const asked = Array.from({ length: count }, (_, i) => queries.train[i % queries.train.length]!);
      const written = await this.#write(tuned, repeated(asked, candidates), seeds.labels);
      const groups = asked.map((_, i) => written.slice(i * candidates, (i + 1) * candidates));
      await writeLabels(file, label(groups, { rule, noise, seed: seeds.labels }).rows);
    }
    const labels = await readLabels(file, { rule, tokenizer });
    this.#screen.say(labelsText(labels, samplesOf(labels.rows[0]!, tokenizer), this.#setup));
    return labels;
  }

  async #learnReward(tuned: CausalLM): Promise<RewardModel> {
    const { recipe, run, tokenizer, seeds } = this.#setup;
    this.#begin('A reward model, from the preferences alone', 'step', 'reward model');
    const folder = run.file('models/reward');
    if (await isFinishedReward(run.file('reward'), folder)) this.#screen.say('   Finished before.');
    else {
      const { resume, ...watched } = this.#watched('reward');
      const result = await trainReward({
        ...recipe.reward,
        ...this.#preferences(),
        model: tuned,
        tokenizer,
        rewardModelPath: folder,
        seed: seeds.reward,
        resumeCheckpoint: resume,
        ...watched,
      });
      this.#endStage(result);
      result.rewardModel.dispose();
    }
    // As it is in its files, where scores are rounded otherwise, so that a run that goes on has the same bits.
    const model = await RewardModel.fromPretrained(folder);
    const { dataset, numSamples, candidates = dataset === undefined ? 4 : numSamples } = recipe.preferences;
    this.#screen.say(rewardText(await bestEvaluation(run.file('reward')), candidates));
    return model;
  }

  /** The rule is looked at, and told to nobody. */
  async #reinforce(tuned: CausalLM, reward: RewardModel): Promise<CausalLM> {
    const { recipe, run, rule, queries, tokenizer, seeds } = this.#setup;
    const { algorithm = { name: 'ppo' as const }, critic: _critic, lora, ...options } = recipe.rl;
    const limit = textLimit(options, algorithm);
    const heading = `Reinforcement learning in RLHFEnv-v0, by ${algorithm.name.toUpperCase()}: ${limit}`;
    this.#begin(heading, 'update', 'rewards');
    let policy = await run.model('models/ppo');
    if (policy !== undefined) this.#alreadyDone(policy);
    else {
      policy = copyCausalLM(tuned);
      if (lora !== undefined) applyLora(policy, lora, { seed: seeds.rl });
      const rules: number[] = [];
      const { callbacks: _callbacks, ...place } = this.#watched('rl');
      const { stoppedBy } = await trainAgent({
        ...options,
        envName: 'RLHFEnv-v0',
        envOptions: { ...recipe.envOptions, tokenizer, dataset: queries.train, reward, refModel: tuned },
        actor: new LMActorNetwork(policy, { padTokenId: tokenizer.padTokenId }),
        critic: algorithm.name === 'ppo' ? await this.#critic(policy) : undefined,
        algorithm,
        seed: seeds.rl,
        ...place,
        callbacks: {
          onCheckpoint: this.#screen.callbacks.onCheckpoint,
          onStart: this.#screen.callbacks.onStart,
          onEpisodeEnd: ({ info }) => {
            if (rule !== null) rules.push(rule.score(`${String(info['prompt'])}${String(info['completion'])}`));
          },
          onUpdateEnd: (progress, { kl = 0, scores = 0 }) => {
            const latest = rules.splice(0);
            const mean = latest.length === 0 ? null : latest.reduce((sum, value) => sum + value, 0) / latest.length;
            const numbers = [
              ['reward', scores, figure],
              ['rule', mean, figure],
              ['divergence', kl, figure],
            ] as const;
            this.#screen.progress(textProgress(progress, numbers));
          },
        },
      });
      if (stoppedBy === 'signal') throw new Interrupted();
      await this.#leave('models/ppo', policy);
    }
    this.#screen.say(rlText(await updatePoints(run.file('rl'), null), targetOf(recipe)));
    return policy;
  }

  /** What foresees rewards. A language model's own trunk has little use for what a text was worth so far; a reward model's is about that. */
  async #critic(policy: CausalLM): Promise<LMCriticNetwork> {
    const { recipe, run, seeds } = this.#setup;
    const { critic = 'reward', lora } = recipe.rl;
    const seed = seeds.critic;
    if (critic === 'shared') return new LMCriticNetwork(policy, { seed });
    const own = await LMCriticNetwork.fromPretrained(run.file('models/reward'), { freshHead: true, seed });
    if (lora !== undefined) applyLora(own.model, lora, { seed });
    return own;
  }

  /** The same preferences without a reward model. Null if the recipe has none of it. */
  async #prefer(tuned: CausalLM): Promise<CausalLM | null> {
    const { recipe, run, tokenizer, seeds } = this.#setup;
    if (recipe.dpo == null) return null;
    this.#begin('Beside it: DPO, from the same preferences', 'step', 'DPO');
    const done = await run.model('models/dpo');
    if (done !== undefined) return this.#alreadyDone(done);
    const model = copyCausalLM(tuned);
    const options = { ...recipe.dpo, ...this.#preferences(), model, tokenizer, seed: seeds.dpo };
    this.#endStage(await trainDpo({ ...options, ...this.#watched('dpo') }));
    await this.#leave('models/dpo', model);
    return model;
  }

  /** Every model's texts go on from the same queries; the best of n is chosen among those of the model at the beginning. */
  async #compare(
    tuned: CausalLM,
    policy: CausalLM,
    preferred: CausalLM | null,
    reward: RewardModel,
  ): Promise<readonly Contestant[]> {
    const { recipe, rule, queries, seeds } = this.#setup;
    const asked = queries.heldOut;
    this.#begin(
      `What came of it: ${counted(asked.length, 'text')} of each model, on queries that none was trained with`,
      'text',
    );
    const { candidates = 4 } = recipe.preferences;
    const judges = { reward, rule };
    const several = await this.#write(tuned, repeated(asked, candidates), seeds.evaluation);
    const best = await bestOfN(several, candidates, reward);
    const contestants: Contestant[] = [
      {
        name: recipe.sft == null ? 'before' : 'fine-tuned',
        ...(await measure(firstOf(several, candidates), judges, 0)),
      },
      { name: `best of ${candidates}`, ...(await measure(best, judges, bestOfNDivergence(candidates))) },
    ];
    const { name = 'ppo' } = recipe.rl.algorithm ?? {};
    const trained: readonly (readonly [string, CausalLM | null])[] = [
      ['DPO', preferred],
      [name.toUpperCase(), policy],
    ];
    for (const [title, model] of trained) {
      if (model === null) continue;
      const written = await this.#write(model, asked, seeds.evaluation);
      const kl = await divergence(written, model, tuned, recipe.rl.temperature);
      contestants.push({ name: title, ...(await measure(written, judges, kl)) });
    }
    return contestants;
  }

  /** The picture, and all texts side by side. */
  async #draw({ contestants, points }: RlhfResult): Promise<void> {
    const { run, rule } = this.#setup;
    const models = contestants.map(({ name, kl, ...contestant }) => ({ name, kl, score: scoreOf(contestant).mean }));
    const path = points.map((point) => ({ kl: point.kl, score: point.rule ?? point.reward }));
    const [title, scoreLabel] =
      rule === null
        ? ['Reward against divergence', 'score by the reward model']
        : ['Descriptiveness against divergence', 'score by the rule'];
    const paths = [{ label: `training by ${contestants.at(-1)!.name}`, points: path }];
    const figure = scoreAgainstKl({ title, scoreLabel, paths, models });
    await writeMedia(run.path, async () => [{ name: 'curve', svg: await drawFigure(figure!) }]);
    const rows = contestants[0]!.texts.map((_, i) =>
      JSON.stringify(Object.fromEntries(contestants.map(({ name, texts }) => [name, texts[i]]))),
    );
    writeFileSync(run.file('evaluation.jsonl'), `${rows.join('\n')}\n`);
  }

  /** What a trainer on preferences is told of them. */
  #preferences() {
    const { run, tokenizer, preferences } = this.#setup;
    const { dataset, ...source } = preferences ?? { dataset: run.file('labels.json'), labelTokenizer: tokenizer };
    // trainReward has another name for it.
    return { dataset, datasetsPath: dataset, ...source };
  }

  async #write(model: CausalLM, prompts: readonly Query[], seed: number): Promise<readonly WrittenText[]> {
    const { tokenizer, maxGeneration, recipe } = this.#setup;
    const { signal } = this.#screen;
    const { truncateAt, stopStrings } = recipe.envOptions ?? {};
    const { temperature } = recipe.rl;
    const options = { maxNewTokens: maxGeneration, seed, signal, temperature, truncateAt, stopStrings };
    const written = await write({ model, tokenizer }, prompts, options);
    if (signal.aborted) throw new Interrupted();
    return written;
  }

  #begin(heading: string, unit: string, phase?: string): void {
    if (this.#screen.signal.aborted) throw new Interrupted();
    this.#screen.say(`\n${++this.#stages}. ${heading}`);
    this.#screen.begin(unit, phase);
  }

  #alreadyDone<T>(model: T): T {
    this.#screen.say('   Finished before.');
    return model;
  }

  #endStage({ trainLoss, stoppedBy }: ExampleResult): void {
    if (stoppedBy === 'signal') throw new Interrupted();
    this.#screen.say(`   ${counted(trainLoss.length, 'step')}, loss ${trainLoss.at(-1)!.toFixed(3)}.`);
  }

  /** Leaves what a stage has trained, adapters added to the weights. */
  async #leave(folder: string, model: CausalLM): Promise<void> {
    if (hasAdapters(model)) mergeLora(model);
    await this.#setup.run.saveModel(folder, model, this.#setup.tokenizer);
  }

  /** What trainers are told of the run and of the screen. */
  #watched(stage: string) {
    const screen = this.#screen;
    const warn = (message: string): void => screen.warn(message);
    const onStep = (progress: ExampleProgress): void => screen.progress(exampleProgress(progress));
    const trackers = trackersFor(this.#setup.recipe.tracking);
    return {
      ...this.#setup.run.place(stage),
      signal: screen.signal,
      trackers,
      warn,
      callbacks: { ...screen.callbacks, onStep },
    };
  }
}

/** Whether the stage is finished that leaves a reward model in `folder`: its summary, which is written last, says so. */
async function isFinishedReward(directory: string, folder: string): Promise<boolean> {
  const { summary } = await readRun(directory);
  return summary?.['rewardModel'] === folder && summary['stoppedBy'] !== 'signal';
}

/** Each query so many times in a row. */
function repeated(queries: readonly Query[], count: number): readonly Query[] {
  return queries.flatMap((query) => Array.from({ length: count }, () => query));
}

/** The first of each `count` texts in a row. */
function firstOf(texts: readonly WrittenText[], count: number): readonly WrittenText[] {
  return texts.filter((_, i) => i % count === 0);
}

function targetOf({ envOptions }: RlhfRecipe): number | null {
  const { klCoef } = envOptions ?? {};
  return typeof klCoef === 'object' ? klCoef.target : null;
}
