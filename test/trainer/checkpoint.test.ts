import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSafetensors } from '../../src/nn/index.ts';
import { MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import { CheckpointError, loadPPOAgent, readCheckpoint, type TrainResult } from '../../src/trainer/index.ts';
import { cartPoleNetworks, temporaryDirectory, tinyRun } from './tiny-run.ts';

const root = temporaryDirectory();
let trained: TrainResult;

beforeAll(async () => {
  trained = await tinyRun(join(root, 'models'));
});

/** A copy of the checkpoint that a test may spoil. */
function copied(): string {
  const path = join(root, `copy-${Math.random().toString(36).slice(2)}`);
  cpSync(trained.checkpoint, path, { recursive: true });
  return path;
}

function editedTrainer(edit: (trainer: Record<string, unknown>) => void): string {
  const path = copied();
  const file = join(path, 'trainer.json');
  const trainer = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  edit(trainer);
  writeFileSync(file, JSON.stringify(trainer));
  return path;
}

/** What trainer.json says. */
function trainerOf(path: string): { readonly files: Readonly<Record<string, unknown>> } {
  return JSON.parse(readFileSync(join(path, 'trainer.json'), 'utf8')) as { files: Record<string, unknown> };
}

function failure(work: () => unknown): CheckpointError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return error as CheckpointError;
  }
  throw new Error('expected a CheckpointError, but nothing was thrown');
}

const OBSERVATIONS = Float32Array.from({ length: 40 }, (_, i) => Math.sin(i));

test.each([
  ['too short', new Float32Array(3), /this agent observes Box\(.*: 4 numbers, but was given Float32Array\[0, 0, 0\]$/],
  ['of two environments', new Float32Array(8), /4 numbers, but was given/],
  ['a text', 'left', /4 numbers, but was given the string "left"/],
  ['nothing', undefined, /4 numbers, but was given undefined/],
])('an agent refuses an observation that is %s', (_, observation, message) => {
  expect(() => trained.agent.selectAction(observation)).toThrow(message);
  expect(() => trained.agent.selectActions(observation, 3)).toThrow(/3 times 4 numbers, but was given/);
});

describe('round trip', () => {
  test('files and names', () => {
    expect(trained.checkpoint).toBe(join(root, 'models', `ppo_CartPole-v1_episode_${trained.episodeReturns.length}`));
    expect(readdirSync(trained.checkpoint).sort()).toEqual([
      'model.safetensors',
      'optimizer.safetensors',
      'trainer.json',
      'training.json',
    ]);
    const { tensors } = readSafetensors(readFileSync(join(trained.checkpoint, 'model.safetensors')));
    expect([...tensors.keys()].filter((name) => !/^(actor|critic)\./.test(name))).toEqual([]);
    expect(tensors.get('actor.layers.layers.0.weight')!.shape).toEqual([8, 4]);
  });

  test('a loaded agent decides as the trained one, without being given networks', () => {
    const loaded = loadPPOAgent(trained.checkpoint);
    expect(loaded.policy.stateDict()).toEqual(trained.agent.policy.stateDict());
    const options = { deterministic: true };
    expect(loaded.selectActions(OBSERVATIONS, 10, options)).toEqual(
      trained.agent.selectActions(OBSERVATIONS, 10, options),
    );
    expect(loaded.policy.values(OBSERVATIONS)).toEqual(trained.agent.policy.values(OBSERVATIONS));
    expect(loaded.observationSpace.equals(trained.agent.observationSpace)).toBe(true);
    expect(loaded.actionSpace.equals(trained.agent.actionSpace)).toBe(true);
  });

  test('fresh networks may be given', () => {
    const networks = cartPoleNetworks();
    const loaded = loadPPOAgent(trained.checkpoint, networks);
    expect(loaded.policy.actor).toBe(networks.actor);
    expect(networks.actor.stateDict()).toEqual((trained.agent.policy.actor as MLPActorNetwork).stateDict());
  });

  test('drawn actions repeat with a seed', () => {
    const draw = (seed: number) => {
      const agent = loadPPOAgent(trained.checkpoint, { seed });
      return Array.from({ length: 30 }, () => agent.selectAction(OBSERVATIONS.subarray(0, 4)));
    };
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });

  test('a loaded agent that is saved again is the same checkpoint', () => {
    const path = join(root, 'saved-again');
    loadPPOAgent(trained.checkpoint).save(path);
    for (const name of ['model.safetensors', 'optimizer.safetensors']) {
      expect(readFileSync(join(path, name))).toEqual(readFileSync(join(trained.checkpoint, name)));
    }
    // An agent is all but the run that trained it.
    const { files, ...trainer } = trainerOf(trained.checkpoint);
    const { 'training.json': training, ...others } = files;
    expect(training).toBeDefined();
    expect(trainerOf(path)).toEqual({ ...trainer, files: others });
    expect(existsSync(join(path, 'training.json'))).toBe(false);
  });

  test('holds what going on with the training needs', () => {
    const { details, moments } = readCheckpoint(trained.checkpoint);
    expect(details.counters).toMatchObject({ steps: trained.steps, updates: trained.updates });
    expect(details.counters!.recentReturns).toEqual(trained.episodeReturns.slice(-100));
    expect(details.random!.seed).toBe(7);
    expect(details.random!.environments.length).toBeGreaterThan(0);
    expect(details.optimizer!.stepCount).toBeGreaterThan(0);
    // Two moments of every parameter.
    expect(moments!.size).toBe(2 * trained.agent.policy.parameters().length);
  });
});

describe('damage', () => {
  test('every file cut at every 64th byte is told by name', () => {
    for (const name of readdirSync(trained.checkpoint)) {
      const path = copied();
      const file = join(path, name);
      const bytes = readFileSync(file);
      for (let length = 0; length < bytes.length; length += 64) {
        writeFileSync(file, bytes.subarray(0, length));
        const { message } = failure(() => loadPPOAgent(path));
        expect(message).toContain(file);
        expect(message).toMatch(/use another/);
      }
    }
  });

  test('every file missing is told by name', () => {
    for (const name of readdirSync(trained.checkpoint)) {
      const path = copied();
      rmSync(join(path, name));
      expect(failure(() => loadPPOAgent(path)).message).toContain(name);
    }
  });

  test('a changed byte in a tensor file is noticed', () => {
    const path = copied();
    for (const name of ['model.safetensors', 'optimizer.safetensors']) {
      const file = join(path, name);
      const bytes = readFileSync(file);
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
          const changed = Uint8Array.from(bytes);
          changed[at]! ^= mask;
          writeFileSync(file, changed);
          expect(failure(() => loadPPOAgent(path)).message).toContain('changed or is damaged');
        }),
        { numRuns: 50 },
      );
      writeFileSync(file, bytes);
    }
  });

  test('a changed byte in trainer.json is noticed, or harmless', () => {
    const path = copied();
    const file = join(path, 'trainer.json');
    const bytes = readFileSync(file);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = Uint8Array.from(bytes);
        changed[at]! ^= mask;
        writeFileSync(file, changed);
        try {
          readCheckpoint(path);
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('the tensors of another checkpoint are not taken for its own', async () => {
    const other = await tinyRun(join(root, 'other'), { seed: 8 });
    const path = copied();
    cpSync(join(other.checkpoint, 'model.safetensors'), join(path, 'model.safetensors'));
    expect(failure(() => loadPPOAgent(path)).message).toContain('model.safetensors');
  });
});

describe('what is not ours', () => {
  test.each([
    ['no directory', () => join(root, 'nowhere'), /there is no checkpoint here/],
    ['an empty directory', () => root, /it has no trainer\.json/],
    ['another format', () => editedTrainer((t) => Object.assign(t, { format: 'sb3' })), /format is "sb3"/],
    ['a JSON list', () => editedWith('[]'), /format is undefined/],
    ['null', () => editedWith('null'), /format is undefined/],
    [
      'a later version',
      () => editedTrainer((t) => Object.assign(t, { formatVersion: 2, gymformer: '9.0.0' })),
      /format version 2, written by gymformer "9\.0\.0".*reads version 1/,
    ],
    ['an unknown field', () => editedTrainer((t) => Object.assign(t, { extra: 1 })), /extra/],
    ['a missing field', () => editedTrainer((t) => delete t['counters']), /counters/],
    [
      'a count that is none',
      () => editedTrainer((t) => Object.assign(t['counters'] as object, { steps: -1 })),
      /counters\.steps/,
    ],
    [
      'a space that cannot be',
      () => editedTrainer((t) => Object.assign(t['actionSpace'] as object, { n: 0 })),
      /actionSpace/,
    ],
  ])('%s', (_, path, message) => {
    expect(failure(() => loadPPOAgent(path())).message).toMatch(message);
  });

  function editedWith(text: string): string {
    const path = copied();
    writeFileSync(join(path, 'trainer.json'), text);
    return path;
  }

  test('networks of other sizes are told tensor by tensor', () => {
    const { message } = failure(() => loadPPOAgent(trained.checkpoint, { actor: new MLPActorNetwork(4, 16, 2) }));
    expect(message).toContain(trained.checkpoint);
    expect(message).toMatch(/misshapen: actor\.layers\.layers\.0\.weight/);
  });

  test('an actor for another action space is told', () => {
    expect(() => loadPPOAgent(trained.checkpoint, { actor: new MLPActorNetwork(4, 8, 3) })).toThrow(CheckpointError);
  });

  test('a network of a kind of its own must be given', async () => {
    class OwnCritic extends MLPCriticNetwork {
      override forward(x: Parameters<MLPCriticNetwork['forward']>[0]) {
        return super.forward(x).mul(2);
      }
    }
    const critic = () => new OwnCritic(4, 8, { seed: 2 });
    const { checkpoint, agent } = await tinyRun(join(root, 'own'), { critic: critic() });
    expect(failure(() => loadPPOAgent(checkpoint)).message).toMatch(
      /its critic is a network of its own kind.*\{ critic \}/,
    );
    const loaded = loadPPOAgent(checkpoint, { critic: critic() });
    expect(loaded.policy.values(OBSERVATIONS)).toEqual(agent.policy.values(OBSERVATIONS));
  });
});
