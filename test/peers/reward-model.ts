// Our side of reward_live.py: makes a reward model of a configuration, or opens Python's, scores texts, normalises the scores on them
// and saves it. Each line of standard input is a request, each line of standard output its answer (JSON).

import { createInterface } from 'node:readline';
import {
  applyLora,
  classifierFromCausalLM,
  classifierFromConfig,
  fromConfig,
  type RawConfig,
  RewardModel,
  savePretrained,
  trainByteLevelTokenizer,
} from '../../src/lm/index.ts';
import { defaultRng } from '../../src/random/index.ts';

interface Request {
  /** A folder to open, or the configuration of a fresh model. */
  readonly folder?: string;
  readonly config?: RawConfig;
  /** Where to save a language model, of whose own weights adapters and a head then make a reward model. */
  readonly baseAt?: string;
  readonly seed: number;
  readonly texts: readonly string[];
  readonly mean: number;
  readonly std: number;
  readonly saveTo: string;
}

/** Adapters and a head that say something, over a language model's own weights. */
async function adapted(config: RawConfig, seed: number, baseAt: string) {
  const base = fromConfig(config, { seed });
  await savePretrained(base, baseAt);
  const classifier = classifierFromCausalLM(base, { numLabels: 1, seed, shareWeights: true });
  applyLora(classifier, { r: 3, alpha: 6, targetModules: 'all-linear' }, { seed });
  for (const [name, { storage }] of classifier.namedParameters()) {
    if (name.includes('lora_B')) defaultRng(seed).fillNormal(storage.data as Float32Array);
  }
  return classifier;
}

async function answer({ folder, config, baseAt, seed, texts, mean, std, saveTo }: Request): Promise<object> {
  const tokenizer = trainByteLevelTokenizer('', { specialTokens: { eosToken: '<|end|>', padToken: '<|pad|>' } });
  const reward =
    folder === undefined
      ? new RewardModel(
          baseAt === undefined
            ? classifierFromConfig(config!, { seed, numLabels: 1 })
            : await adapted(config!, seed, baseAt),
          tokenizer,
        )
      : await RewardModel.fromPretrained(folder);
  const before = [...(await reward.score(texts))];
  await reward.normalize(texts, { mean, std });
  await reward.savePretrained(saveTo, { baseModel: baseAt });
  return { before, after: [...(await reward.score(texts))] };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line) as Request)));
}
