// Our side of test/peers/rendering_live.py. Reads one request a line from standard input, plays it, answers with one line of JSON.
//
// Request: { id, kwargs, seed, steps }: an episode with actions from the action space, seeded as the environment, and a frame after
// its reset and after each of these numbers of steps. Answer: [{ shape, data }], the pixels in base64.

import { createInterface } from 'node:readline';
import { make } from '../../src/env/index.ts';
import { isFrame } from '../../src/env/rendering/frame.ts';

interface Request {
  readonly id: string;
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly steps: readonly number[];
}

async function frames({ id, kwargs, seed, steps }: Request): Promise<object[]> {
  const env = make(id, { ...kwargs, renderMode: 'rgb_array' });
  await env.reset({ seed });
  env.actionSpace.seed(seed);
  const shown = [frame(env.render())];
  for (let step = 1; step <= Math.max(...steps); step++) {
    const [, , terminated, truncated] = await env.step(env.actionSpace.sample());
    if (steps.includes(step)) shown.push(frame(env.render()));
    if (terminated || truncated) await env.reset();
  }
  return shown;
}

function frame(picture: unknown): object {
  if (!isFrame(picture)) throw new TypeError(`render() returned ${String(picture)}, which is no frame`);
  return { shape: picture.shape, data: Buffer.from(picture).toString('base64') };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await frames(JSON.parse(line) as Request)));
}
