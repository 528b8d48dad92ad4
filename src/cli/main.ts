#!/usr/bin/env node
// The `gymformer` command. Each subcommand is loaded when it is called, so that help is quick.

import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { CliError, EXIT_FAILURE, EXIT_USAGE } from './cli-error.ts';
import { printable } from './printable.ts';
import type { TrainFlags } from './train.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

const program = new Command('gymformer')
  .description('Train agents and language models with reinforcement learning, in TypeScript.')
  .version(version)
  .exitOverride()
  .showHelpAfterError('(--help tells more)');

/** An option that may be given several times. */
function collected(value: string, all: readonly string[] = []): readonly string[] {
  return [...all, value];
}

/** What `--json` does where something is trained. */
const JSON_LINES =
  'print a JSON object a line: start, progress, evaluation, checkpoint, end; with --quiet the end alone';

program
  .command('train')
  .description('train an agent or a language model by a recipe, or an agent on an environment')
  .argument('[recipe]', 'a recipe (.yaml), or the id of an environment')
  .option('--resume <run>', 'go on with a run that was interrupted; or from a checkpoint, in a new run')
  .option('--quiet', 'print nothing but errors')
  .option('--json', JSON_LINES)
  .option('--dashboard', 'show the run in a browser while it learns')
  .allowUnknownOption()
  .allowExcessArguments()
  .usage('[recipe] [--resume <run>] [--quiet] [--json] [--dashboard] [--key value ...]')
  .addHelpText(
    'after',
    `
Any key of a recipe can be given as --key value, in place of what the recipe says:
  gymformer train CartPole-v1 --totalSteps 50000 --numEnvs 8 --seed 1
  gymformer train recipes/cartpole.yaml --ppo.lrActor 3e-4 --network.hiddenDim 32
  gymformer train recipes/cot-arithmetic.yaml --model models/tiny --rl.maxEpisodes 5000
A run goes on, whatever its recipe, where it was stopped or killed:
  gymformer train --resume runs/rlhf-20260101-120000-1`,
  )
  .action(async (_recipe: string | undefined, options: TrainFlags, command: Command) => {
    const { train } = await import('./train.ts');
    const [first] = command.args;
    // Without a recipe, the first word may be a key.
    const target = first?.startsWith('--') ? undefined : first;
    process.exitCode = await train(target, target === undefined ? command.args : command.args.slice(1), options);
  });

program
  .command('evaluate')
  .description('play episodes with a trained agent, or let a language model answer held-out problems')
  .argument('<checkpoint>', "the directory of a checkpoint, of a run, or a model's folder")
  .option(
    '--episodes <n>',
    'how many episodes (default: 100, or 1 with --render), or problems (default: as its recipe says)',
  )
  .option('--seed <n>', 'seed of the first environment, or of drawn tokens')
  .option('--stochastic', 'draw actions instead of taking the likeliest')
  .option('--render <mode>', "show every step, or every answer; 'ansi' draws text")
  .option('--recipe <file>', 'of kind reasoning, for a language model (default: that of the run it is in)')
  .option('--json', 'print the result as JSON')
  .action(async (checkpoint: string, options: Readonly<Record<string, string | boolean>>) => {
    const { evaluate } = await import('./evaluate.ts');
    await evaluate(checkpoint, options);
  });

program
  .command('sft')
  .description('fine-tune a language model on examples')
  .argument('<recipe>', "a recipe (.yaml) of kind sft, or a model's folder")
  .option('--quiet', 'print nothing but errors')
  .option('--json', JSON_LINES)
  .allowUnknownOption()
  .allowExcessArguments()
  .usage('<recipe> [--quiet] [--json] [--key value ...]')
  .addHelpText(
    'after',
    `
Any key of a recipe can be given as --key value, and goes before the recipe's:
  gymformer sft models/tiny --dataset rows.jsonl --epochs 3 --learningRate 1e-4
  gymformer sft recipe.yaml --lora.r 8 --packing`,
  )
  .action(async (recipe: string, options: { quiet?: boolean; json?: boolean }, command: Command) => {
    const { sft } = await import('./sft.ts');
    process.exitCode = await sft(recipe, command.args.slice(1), options);
  });

program
  .command('reward')
  .description('train a reward model on preferences')
  .argument('<recipe>', "a recipe (.yaml) of kind reward, or a model's folder")
  .option('--quiet', 'print nothing but errors')
  .option('--json', JSON_LINES)
  .allowUnknownOption()
  .allowExcessArguments()
  .usage('<recipe> [--quiet] [--json] [--key value ...]')
  .addHelpText(
    'after',
    `
Any key of a recipe can be given as --key value, and goes before the recipe's:
  gymformer reward models/tiny --dataset preferences.jsonl --train full --epochs 3
  gymformer reward openai-community/gpt2 --dataset labels.json --rewardModelPath models/reward`,
  )
  .action(async (recipe: string, options: { quiet?: boolean; json?: boolean }, command: Command) => {
    const { reward } = await import('./reward.ts');
    process.exitCode = await reward(recipe, command.args.slice(1), options);
  });

program
  .command('score')
  .description('rate texts with a reward model')
  .argument('<model>', "a reward model's folder, or the directory of a run that trained one")
  .option(
    '--text <text>',
    'a text to rate; may be given several times (default: the lines of standard input)',
    collected,
  )
  .option('--json', 'print the scores as JSON')
  .action(async (model: string, options: { text?: string[]; json?: boolean }) => {
    const { score } = await import('./reward.ts');
    await score(model, options);
  });

program
  .command('dpo')
  .description('improve a language model by preferences, without a reward model')
  .argument('<recipe>', "a recipe (.yaml) of kind dpo, or a model's folder")
  .option('--quiet', 'print nothing but errors')
  .option('--json', JSON_LINES)
  .allowUnknownOption()
  .allowExcessArguments()
  .usage('<recipe> [--quiet] [--json] [--key value ...]')
  .addHelpText(
    'after',
    `
Any key of a recipe can be given as --key value, and goes before the recipe's:
  gymformer dpo models/tiny --dataset preferences.jsonl --beta 0.1 --learningRate 1e-5
  gymformer dpo recipe.yaml --lossType ipo --lora.r 8`,
  )
  .action(async (recipe: string, options: { quiet?: boolean; json?: boolean }, command: Command) => {
    const { dpo } = await import('./dpo.ts');
    process.exitCode = await dpo(recipe, command.args.slice(1), options);
  });

/** Gives a command the flags of sampling. */
function withSampling(command: Command): Command {
  return command
    .option('--maxNewTokens <n>', 'the most tokens to write (default: 128)')
    .option('--temperature <t>', 'above 1 for more variety, 0 for the likeliest tokens (default: 1)')
    .option('--topK <n>', 'draw from the likeliest so many tokens (default: all)')
    .option('--topP <p>', 'draw from the likeliest tokens of so much probability together (default: 1)')
    .option('--minP <p>', 'draw from tokens at least so likely as p times the likeliest (default: 0)')
    .option('--repetitionPenalty <p>', 'above 1 makes tokens that occurred already less likely (default: 1)')
    .option('--stop <text>', 'end at this text, which is not shown; may be given several times', collected)
    .option('--seed <n>', 'makes what is drawn repeatable');
}

withSampling(program.command('generate'))
  .description('let a language model go on with a text')
  .argument('<model>', "a model's folder, or a run's directory")
  .option('--prompt <text>', 'the text to go on with')
  .option('--json', 'print the result as JSON, and nothing else')
  .action(async (model: string, options: Readonly<Record<string, string>>) => {
    const { generate } = await import('./generate.ts');
    process.exitCode = await generate(model, options);
  });

withSampling(program.command('chat'))
  .description('talk with a language model')
  .argument('<model>', "a model's folder, or a run's directory")
  .option('--system <text>', 'what it is told before the conversation')
  .action(async (model: string, options: Readonly<Record<string, string>>) => {
    const { chat } = await import('./chat.ts');
    process.exitCode = await chat(model, options);
  });

program
  .command('completions')
  .description(
    'show a few of the texts that a language model wrote while it learned from rewards, or write all to a file',
  )
  .argument('<run>', "a run's directory")
  .option('--count <n>', 'how many, evenly from first to last (default: 5, or all with --out)')
  .option('--wrong', 'only those with wrong answers')
  .option('--out <file>', 'write them to a file, with a column for everything that is known of them')
  .option('--format <format>', "parquet or jsonl (default: by the file's ending)")
  .addHelpText(
    'after',
    `
  gymformer completions runs/cot --wrong --count 10
  gymformer completions runs/cot --out texts.parquet   # in Python: pandas.read_parquet('texts.parquet')`,
  )
  .action(async (run: string, options: Readonly<Record<string, string>>) => {
    const { completions } = await import('./completions.ts');
    console.log(printable(await completions(run, options)));
  });

program
  .command('track')
  .description('show a run that is there already in TensorBoard, W&B or MLflow')
  .argument('<run>', "a run's directory, or a folder with runs in it")
  .requiredOption('--to <trackers>', 'tensorboard, wandb or mlflow; or as `tracking` of recipes')
  .addHelpText(
    'after',
    `
  gymformer track runs/CartPole-v1-20260101-120000-1 --to tensorboard
  gymformer track runs --to '{ name: wandb, project: mine, mode: online }'
  MLFLOW_TRACKING_URI=http://127.0.0.1:5000 gymformer track runs --to mlflow`,
  )
  .action(async (run: string, options: { to: string }) => {
    const { track } = await import('./track.ts');
    process.exitCode = await track(run, options);
  });

program
  .command('plot')
  .description('draw runs: learning curves, histograms of rewards, score against divergence, calibration')
  .argument('<runs...>', 'directories of runs, or folders with runs in them')
  .option('--kind <kinds>', 'curve, rewards, score-kl or calibration, with commas between (default: all that there is)')
  .option(
    '--metric <names>',
    "what learning curves show, such as policyLoss, or 'loss,evalLoss' in one picture; may be given several times",
    collected,
  )
  .option('--x <name>', 'what they are drawn over: globalStep, update, episodes, seconds, step, ... (default: steps)')
  .option('--smooth <weight>', "TensorBoard's smoothing, from 0 to below 1 (default: 0, and 0.8 of losses)")
  .option('--band <kind>', 'around the mean of several seeds: std, stderr, or range (default: std)')
  .option('--share <share>', 'of a run that is its first and its last part in histograms (default: 0.2)')
  .option('--title <text>', "in place of the pictures' own")
  .option('--out <folder>', 'where they go (default: media/ of the run, or plots/ for several)')
  .option('--format <formats>', 'svg, png (default: both)')
  .option('--json', 'print the names of the files as JSON')
  .addHelpText(
    'after',
    `
Runs that differ by nothing but their seed are drawn as their mean with a band around it:
  gymformer plot runs/ppo-1 runs/ppo-2 runs/ppo-3 runs/grpo-1 --out plots
  gymformer plot runs/cot --metric accuracy --smooth 0.9 --x seconds`,
  )
  .action(async (runs: string[], options: Readonly<Record<string, unknown>>) => {
    const { plot } = await import('./plot.ts');
    await plot(runs, options);
  });

program
  .command('play')
  .description('play an environment yourself, with the keyboard, in the browser')
  .argument('<env>', 'the id of an environment, such as CartPole-v1')
  .option('--seed <n>', 'seed of the first episode; the next ones have the next numbers')
  .option('--fps <n>', 'steps a second (default: as is natural for the environment)')
  .option('--port <n>', 'of the page (default: one that is free)')
  .action(async (env: string, options: Readonly<Record<string, string>>) => {
    const { play } = await import('./play.ts');
    await play(env, options);
  });

program
  .command('watch')
  .description('watch a trained agent in the browser, or make a video of it')
  .argument('<checkpoint>', 'the directory of a checkpoint, or of a run, which may still be training')
  .option('--video <file>', 'write a .gif, .webm or .mp4 instead')
  .option('--episodes <n>', 'how many (default: until Ctrl-C, or 1 with --video)')
  .option('--seed <n>', 'seed of the first episode; the next ones have the next numbers')
  .option('--stochastic', 'draw actions instead of taking the likeliest')
  .option('--fps <n>', 'steps a second (default: as is natural for the environment)')
  .option('--port <n>', 'of the page (default: one that is free)')
  .action(async (checkpoint: string, options: Readonly<Record<string, string | boolean>>) => {
    const { watch } = await import('./watch.ts');
    await watch(checkpoint, options);
  });

program
  .command('dashboard')
  .description('show runs in a browser: charts, texts, replays, settings; live while they learn')
  .argument('[folder]', 'where the runs are, at any depth', 'runs')
  .option('--port <n>', 'where to listen; if it is in use, the next free one (default: 6080)')
  .option('--host <address>', 'listen to other machines too, with a token in the address (default: 127.0.0.1)')
  .addOption(new Option('--beside').hideHelp())
  .action(async (folder: string, options: Readonly<Record<string, string>>) => {
    const { dashboard } = await import('./dashboard.ts');
    await dashboard(folder, options);
  });

program
  .command('envs')
  .description('list the environments there are')
  .argument('[pattern]', 'part of an id, * stands for anything')
  .action(async (pattern?: string) => {
    const { listEnvs } = await import('./envs.ts');
    console.log(listEnvs(pattern));
  });

// A reader that has seen enough (`gymformer envs | head`) is no error. Who has something to save listens too, and ends when that is done.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    if (stream.listenerCount('error') === 1) process.exit();
  });
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Prints what went wrong; returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has printed it. Help and version come this way too, and are no errors.
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const debug = process.env['DEBUG'] !== undefined && process.env['DEBUG'] !== '';
  console.error(printable((debug ? stack : undefined) ?? `error: ${message}`));
  return error instanceof CliError ? error.exitCode : EXIT_FAILURE;
}
