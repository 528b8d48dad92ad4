// Our side of reward_live.py: makes a reward model of a configuration, or opens Python's, scores texts, normalises the scores on them
// and saves it. Each line of standard input is a request, each line of standard output its answer (JSON).

import { createInterface } from 'node:readline';
import { classifierFromConfig, type RawConfig, RewardModel, trainByteLevelTokenizer } from '../../src/lm/index.ts';

interface Request {
  /** A folder to open, or the configuration of a fresh model. */
  readonly folder?: string;
  readonly config?: RawConfig;
  readonly seed: number;
  readonly texts: readonly string[];
  readonly mean: number;
  readonly std: number;
  readonly saveTo: string;
}

async function answer({ folder, config, seed, texts, mean, std, saveTo }: Request): Promise<object> {
  const tokenizer = trainByteLevelTokenizer('', { specialTokens: { eosToken: '<|end|>', padToken: '<|pad|>' } });
  const reward =
    folder === undefined
      ? new RewardModel(classifierFromConfig(config!, { seed, numLabels: 1 }), tokenizer)
      : await RewardModel.fromPretrained(folder);
  const before = [...(await reward.score(texts))];
  await reward.normalize(texts, { mean, std });
  await reward.savePretrained(saveTo);
  return { before, after: [...(await reward.score(texts))] };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line) as Request)));
}
