// The command itself, as a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadPPOAgent } from '../../src/trainer/index.ts';
import { evaluate } from '../../src/cli/evaluate.ts';
import { parseOverrides } from '../../src/cli/overrides.ts';
import { recipeForEnv } from '../../src/cli/recipe.ts';
import { train } from '../../src/cli/train.ts';
import { eventsOf, gymformer as run, resultOf, start } from './command.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const gymformer = (...words: string[]) => run(words);

const TINY = ['--totalSteps', '300', '--numEnvs', '2', '--ppo.rolloutSteps', '64', '--network.hiddenDim', '8'];

describe('train', () => {
  test('a recipe: trains, evaluates, and says where things are and what to do next', async () => {
    const directory = join(root, 'recipe');
    const recipe = join(root, 'tiny.yaml');
    writeFileSync(
      recipe,
      'env: CartPole-v1\ntotalSteps: 300\nseed: 5\nppo: { rolloutSteps: 64 }\nevaluation: { episodes: 7 }\n',
    );
    const { code, stdout, stderr } = await gymformer('train', recipe, '--numEnvs', '2', '--runDirectory', directory);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain('Training on CartPole-v1 for 300 steps, in whole updates of up to 128, seed 5.');
    expect(stdout).toMatch(/Trained for \d+ steps, \d+ episodes, 3 updates in [\d.]+ s/);
    expect(stdout).toMatch(/Evaluation: mean return [\d.]+ ± [\d.]+ over 7 new episodes/);
    expect(readdirSync(directory).sort()).toEqual([
      'checkpoints',
      'config.json',
      'episodes.jsonl',
      'media',
      'metrics.jsonl',
      'recipe.yaml',
      'replays',
      'summary.json',
    ]);
    expect(readFileSync(join(directory, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(3);

    // The command that it names works.
    const next = /npx gymformer (evaluate \S+)/.exec(stdout)![1]!;
    const played = await gymformer(...next.split(' '), '--episodes', '3', '--seed', '1');
    expect(played.code).toBe(0);
    expect(played.stdout).toMatch(
      /^CartPole-v1: mean return [\d.]+ ± [\d.]+, from .* over 3 episodes of [\d.]+ steps\n$/,
    );
  });

  test('the recipe of a run, run again, is the same run', async () => {
    const [first, second] = [join(root, 'first'), join(root, 'second')];
    await gymformer('train', 'CartPole-v1', ...TINY, '--evaluation.episodes', '0', '--runDirectory', first);
    const recipe = join(first, 'recipe.yaml');
    expect(parse(readFileSync(recipe, 'utf8'))).toMatchObject({
      env: 'CartPole-v1',
      network: { hiddenDim: 8 },
      seed: expect.any(Number) as number,
    });
    await gymformer('train', recipe, '--runDirectory', second);
    const model = (directory: string): Buffer => {
      const [name] = readdirSync(join(directory, 'checkpoints'));
      return readFileSync(join(directory, 'checkpoints', name!, 'model.safetensors'));
    };
    expect(model(second)).toEqual(model(first));
  });

  test('--json prints an object a line, and nothing else; with --quiet, the last one alone', async () => {
    const { stdout, stderr } = await gymformer(
      'train',
      'CartPole-v1',
      ...TINY,
      '--json',
      '--seed',
      '3',
      '--runDirectory',
      join(root, 'json'),
    );
    expect(stderr).toBe('');
    const runDirectory = join(root, 'json');
    const [begin, progress, ...rest] = eventsOf(stdout);
    expect(begin).toMatchObject({ event: 'start', env: 'CartPole-v1', seed: 3, runDirectory });
    expect(progress).toMatchObject({ event: 'progress', updates: 1, steps: expect.any(Number) });
    expect(rest.map(({ event }) => event).filter((event) => event !== 'progress')).toEqual([
      'checkpoint',
      'evaluation',
      'end',
    ]);
    const { checkpoint, ...result } = resultOf(stdout);
    expect(result).toMatchObject({ stoppedBy: 'totalSteps', seed: 3, evaluation: { episodes: 100 }, runDirectory });
    expect(existsSync(String(checkpoint))).toBe(true);
    expect(rest.find(({ event }) => event === 'checkpoint')).toEqual({ event: 'checkpoint', path: checkpoint });
  });

  test('--quiet prints nothing', async () => {
    const { code, stdout, stderr } = await gymformer(
      'train',
      'CartPole-v1',
      ...TINY,
      '--quiet',
      '--runDirectory',
      join(root, 'quiet'),
    );
    expect([code, stdout, stderr]).toEqual([0, '', '']);
  });

  test('Ctrl-C: the update is finished, a checkpoint saved, and told where it is', async () => {
    const directory = join(root, 'interrupted');
    const words = [
      'train',
      'CartPole-v1',
      '--totalSteps',
      '1000000000',
      '--ppo.rolloutSteps',
      '32',
      '--runDirectory',
      directory,
    ];
    const { child, finished } = start(words);
    const metrics = join(directory, 'metrics.jsonl');
    while (!existsSync(metrics) || readFileSync(metrics, 'utf8').split('\n').length < 5) await pause(20);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await finished;
    expect(code).toBe(130);
    expect(stderr).toContain('Stopping at this update.');
    expect(stdout).toContain('interrupted');
    expect(stdout).not.toContain('Evaluation:');
    const { checkpoint, stoppedBy } = JSON.parse(readFileSync(join(directory, 'summary.json'), 'utf8')) as Record<
      string,
      string
    >;
    expect(stoppedBy).toBe('signal');
    expect(stdout).toContain(`evaluate ${checkpoint}`);
    expect(stdout).toContain(`train --resume ${directory}`);
    // Nothing of the last update is lost.
    const lines = readFileSync(metrics, 'utf8').trimEnd().split('\n');
    expect(loadPPOAgent(checkpoint!).details.counters!.updates).toBe(lines.length);
  });

  test('the second Ctrl-C ends at once', async () => {
    const { child, closed, line } = await interrupted(undefined);
    expect(await line()).toBe('SIGINT true\n');
    child.kill('SIGINT');
    expect((await closed)[1]).toBe('SIGINT');
  });

  test('npm sends a signal on that its children have got already: both are one', async () => {
    const { child, closed, line } = await interrupted('start');
    child.kill('SIGINT');
    expect(await line()).toBe('SIGINT true\n');
    child.kill('SIGTERM');
    expect(await line()).toBe('still here\n');
    child.kill('SIGKILL');
    expect((await closed)[1]).toBe('SIGKILL');
  });

  /** A process that goes on whatever happens, as a run does that is far from the end of its update; and gets a SIGINT. */
  async function interrupted(script: string | undefined) {
    const program = `
      const { Interrupt } = await import('./src/cli/interrupt.ts');
      const interrupt = new Interrupt((name) => console.log(name, interrupt.signal.aborted));
      setInterval(() => undefined, 1000);
      interrupt.signal.addEventListener('abort', () => setTimeout(() => console.log('still here'), 300));
      console.log('ready');`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, npm_lifecycle_event: script },
    });
    const closed = once(child, 'close');
    const lines = child.stdout.setEncoding('utf8');
    const line = async (): Promise<unknown> => (await once(lines, 'data'))[0];
    expect(await line()).toBe('ready\n');
    child.kill('SIGINT');
    return { child, closed, line };
  }

  test('a run whose output nobody reads any more saves and ends', async () => {
    const directory = join(root, 'unread');
    const words = ['--totalSteps', '1000000000', '--ppo.rolloutSteps', '32', '--json', '--runDirectory', directory];
    const { child, finished } = start(['train', 'CartPole-v1', ...words]);
    child.stdout!.once('data', () => child.stdout!.destroy());
    child.stderr!.destroy();
    expect((await finished).code).toBe(141);
    const { checkpoint, stoppedBy } = JSON.parse(readFileSync(join(directory, 'summary.json'), 'utf8')) as Record<
      string,
      string
    >;
    expect(stoppedBy).toBe('signal');
    expect(existsSync(checkpoint!)).toBe(true);
  });
});

describe('the recipe that npm run cartpole runs', () => {
  test('solves CartPole: a mean return of at least 475 over 100 episodes', async () => {
    const { stdout } = await gymformer(
      'train',
      'recipes/cartpole.yaml',
      '--json',
      '--runDirectory',
      join(root, 'cartpole'),
    );
    const { stoppedBy, meanReturn, evaluation } = resultOf(stdout) as {
      readonly stoppedBy: string;
      readonly meanReturn: number;
      readonly evaluation: { readonly mean: number; readonly episodes: number };
    };
    expect(stoppedBy).toBe('stopAtMeanReturn');
    expect(meanReturn).toBeGreaterThanOrEqual(475);
    expect(evaluation.episodes).toBe(100);
    expect(evaluation.mean).toBeGreaterThanOrEqual(475);
  });
});

describe('evaluate', () => {
  test('--render ansi shows every step, of a run by its directory', async () => {
    const directory = join(root, 'lake');
    await gymformer(
      'train',
      'FrozenLake-v1',
      ...TINY,
      '--quiet',
      '--evaluation.episodes',
      '0',
      '--runDirectory',
      directory,
    );
    const { code, stdout } = await gymformer('evaluate', directory, '--render', 'ansi', '--seed', '2');
    expect(code).toBe(0);
    const steps = Number(/over 1 episode of ([\d.]+) steps/.exec(stdout)![1]);
    // A picture for the start and one a step, each with four rows.
    expect(stdout.match(/^\S*F\S*H\S*F\S*H\S*$/gm)!.length).toBe(steps + 1);
  });

  test('--json', async () => {
    // A run that was moved is found where it is.
    renameSync(join(root, 'lake'), join(root, 'moved'));
    const { stdout } = await gymformer('evaluate', join(root, 'moved'), '--episodes', '5', '--seed', '1', '--json');
    const result = resultOf(stdout) as { readonly returns: number[] };
    expect(result).toMatchObject({ stoppedBy: 'end', env: 'FrozenLake-v1', episodes: 5 });
    expect(eventsOf(stdout)[0]).toMatchObject({ event: 'start', kind: 'agent', env: 'FrozenLake-v1', episodes: 5 });
    expect(result.returns).toHaveLength(5);
  });

  test.each([
    [['evaluate', 'nowhere'], 1, /^error: There is nothing to evaluate in nowhere: there is no such folder\n$/],
    [
      ['evaluate', 'nowhere', '--episodes', '0'],
      2,
      /^error: --episodes is '0', but must be a whole number of 1 or more\n$/,
    ],
    [['evaluate', 'nowhere', '--seed', 'x'], 2, /^error: --seed is 'x'/],
    [['evaluate'], 2, /missing required argument 'checkpoint'/],
  ])('%j', async (words, exitCode, message) => {
    const { code, stderr } = await gymformer(...words);
    expect(stderr).toMatch(message);
    expect(code).toBe(exitCode);
  });
});

describe('envs', () => {
  test('lists what there is', async () => {
    const { code, stdout } = await gymformer('envs');
    expect(code).toBe(0);
    const [heading, rule, ...rows] = stdout.trimEnd().split('\n');
    expect(heading).toMatch(/^id +observations +actions +max steps +solved at$/);
    expect(rule).toMatch(/^[- ]+$/);
    expect(rows.find((row) => row.startsWith('CartPole-v1'))).toMatch(
      /^CartPole-v1 +Box\(\[4\], float32\) +Discrete\(2\) +500 +475$/,
    );
    expect(rows.find((row) => row.startsWith('Pendulum-v1'))).toMatch(/Box\(-2\.0, 2\.0, \(1,\), float32\) +200 +-$/);
  });

  test('by a pattern', async () => {
    const { stdout } = await gymformer('envs', 'lake*8x8');
    expect(stdout.trimEnd().split('\n').slice(2)).toEqual([expect.stringMatching(/^FrozenLake8x8-v1 /) as string]);
  });

  test('none', async () => {
    const { code, stderr } = await gymformer('envs', 'CartPol-v1x');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: No environment matches 'CartPol-v1x'\. Did you mean CartPole-v1\?\n$/);
  });
});

describe('mistakes', () => {
  test.each([
    [[], 2, /Usage: gymformer/],
    [['--help'], 0, /^$/],
    [['--version'], 0, /^$/],
    [['trai'], 2, /unknown command 'trai'\n\(Did you mean train\?\)/],
    [['train'], 2, /Give a recipe, the id of an environment, or --resume <run>/],
    [['train', 'CartPol-v1'], 1, /^error: .*Did you mean: `CartPole`\? \(`npx gymformer envs` lists all\)\n$/],
    [['train', 'recipes'], 1, /^error: Cannot read the recipe recipes: it is a folder\n$/],
    [
      ['train', 'CartPole-v1', '--envOptions.suttonBarto', 'true'],
      1,
      /^error: CartPole takes no argument 'suttonBarto'\. Did you mean 'suttonBartoReward'\?\n$/,
    ],
    [['train', 'none.yaml'], 1, /^error: Cannot read the recipe none\.yaml: there is no such file\n$/],
    [
      ['train', 'CartPole-v1', '--totalStep', '5'],
      2,
      /^error: command line: '--totalStep' is not a key of a recipe\. Did you mean '--totalSteps'\?\n$/,
    ],
    [['train', 'CartPole-v1', 'extra'], 2, /^error: Unexpected argument 'extra'/],
    [['train', 'Blackjack-v2'], 1, /^error: /],
  ])('%j', async (words, exitCode, message) => {
    const { code, stderr } = await gymformer(...words);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(exitCode);
  });

  test('the stack is shown for those who ask', async () => {
    const { stderr } = await start(['train', 'none.yaml'], undefined, { DEBUG: '1' }).finished;
    expect(stderr).toMatch(/^CliError: Cannot read/);
    expect(stderr).toMatch(/^\s+at /m);
  });

  test('a run that is finished says so, and how to train it longer; one that goes on keeps its seed', async () => {
    const directory = join(root, 'quiet');
    const { code, stdout } = await gymformer('train', '--resume', directory);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /This run is finished: [\d,]+ steps, \d+ episodes?, \d+ updates?; nothing to do\.\nTrain it longer: .* --totalSteps \d+\n/,
    );
    expect(stdout).not.toContain('Evaluation:');
    await expect(train(undefined, ['--seed', '99'], { resume: directory })).rejects.toThrow(
      /^--seed 99: the run .*quiet began with seed \d+, and keeps it: leave --seed out/,
    );
    const other = train('Acrobot-v1', [], { resume: directory, quiet: true });
    await expect(other).rejects.toThrow(
      /env was CartPole-v1 and is Acrobot-v1.*: leave the recipe and such options out/,
    );
  });

  test.each([
    ['nothing', /there is no such folder/],
    ['.', /an agent's checkpoint has a trainer\.json, .*; this folder has /],
    ['tiny.yaml', /it is a file/],
  ])('what cannot be evaluated: %s', async (name, message) => {
    await expect(evaluate(join(root, name), {})).rejects.toThrow(message);
  });

  test('a key without its value', () => {
    expect(() => recipeForEnv('CartPole-v1', parseOverrides(['--totalSteps', '--seed', '1']))).toThrow(
      'command line: --totalSteps has no value; it must be a whole number of 1 or more',
    );
  });

  test('a directory that holds a run is not written over', async () => {
    const { code, stderr } = await gymformer('train', 'CartPole-v1', ...TINY, '--runDirectory', join(root, 'quiet'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*quiet already holds a run/);
  });
});
