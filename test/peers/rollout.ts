// Our side of test/peers/gymnasium_live.py. Reads one request a line from standard input, plays it, answers with one line of JSON.
//
// Request: { kind: 'make' | 'sync' | 'vectorEntryPoint', id, kwargs, seed, steps }. Actions come from the action space, seeded as the
// environment. Answer: { reset, actions, observations, rewards, terminated, truncated }, one entry a step; an ended episode of a
// single environment is followed by an unseeded reset, whose observation stands in `resets`.

import { createInterface } from 'node:readline';
import { make, makeVec } from '../../src/env/index.ts';

interface Request {
  readonly kind: 'make' | 'sync' | 'vectorEntryPoint';
  readonly id: string;
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly steps: number;
}

const ENVS = 3;

async function rollout({ kind, id, kwargs, seed, steps }: Request): Promise<object> {
  const env = kind === 'make' ? make(id, kwargs) : makeVec(id, { numEnvs: ENVS, vectorizationMode: kind, ...kwargs });
  const [first] = await env.reset({ seed });
  env.actionSpace.seed(seed);
  const rows = [];
  for (let step = 0; step < steps; step++) {
    const action = env.actionSpace.sample();
    const [observation, reward, terminated, truncated] = await env.step(action);
    const ended = kind === 'make' && (terminated || truncated);
    rows.push({
      action: plain(action),
      observation: plain(observation),
      reward: plain(reward),
      terminated: plain(terminated),
      truncated: plain(truncated),
      ...(ended ? { reset: plain((await env.reset())[0]) } : {}),
    });
  }
  return { reset: plain(first), rows };
}

/** A copy that JSON can hold: typed arrays become arrays. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  return Array.isArray(value) ? value.map(plain) : value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Request;
  console.log(JSON.stringify(await rollout(request)));
}
