// Secrets are planted in the environment; then nothing that a run writes, prints or shows in the browser may hold them, whether all goes
// well or everything fails.

import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveDashboard } from '../../src/dashboard/index.ts';
import { arithmeticProblems } from '../../src/env/text/index.ts';
import { fromConfig, savePretrained, trainByteLevelTokenizer } from '../../src/lm/index.ts';
import { gymformer, start } from './command.ts';

const planted = {
  HF_TOKEN: 'hf_planted1aaaaaaaaaaaa',
  WANDB_API_KEY: 'planted2bbbbbbbbbbbbbbbb',
  MLFLOW_TRACKING_USERNAME: 'somebody',
  MLFLOW_TRACKING_PASSWORD: 'planted3cccccccccccc',
  REWARD_TOKEN: 'Bearer planted4dddddddddddd',
};
const basic = btoa('somebody:planted3cccccccccccc');
const forms = [...Object.values(planted).filter((value) => value.includes('planted')), basic, 'planted'].flatMap(
  (secret) => [
    secret,
    encodeURIComponent(secret),
    btoa(secret).replace(/=+$/, ''),
    Buffer.from(secret).toString('hex'),
  ],
);

const root = mkdtempSync(join(tmpdir(), 'gymformer-secrets-'));
const asked: IncomingMessage[] = [];
/** Says no to everybody. */
const server = createServer((request, response) => {
  asked.push(request);
  response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"no"}');
});
let address = '';
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true, force: true });
});

/** Runs the command where the secrets are. */
const run = (words: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const { child, finished } = start(words, undefined, { ...planted, ...env });
  child.stdin!.end();
  return finished;
};

/** The files under a folder that hold a secret in any form. */
function leaks(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const text = readFileSync(file, 'latin1');
      return forms.some((form) => text.includes(form));
    });
}

test('the search finds what it is to find', () => {
  const folder = mkdtempSync(join(root, 'found-'));
  for (const [i, form] of forms.entries()) writeFileSync(join(folder, String(i)), `{"x":"${form}"}`);
  expect(leaks(folder)).toHaveLength(forms.length);
  rmSync(folder, { recursive: true });
});

test('a run with every tracker, one of whose servers refuses, and its dashboard', async () => {
  const directory = join(root, 'runs/tracked');
  const words = ['train', 'FrozenLake-v1', '--totalSteps', '100', '--numEnvs', '1', '--ppo.rolloutSteps', '50'];
  const tracking = `[tensorboard, { name: wandb, mode: online }, { name: mlflow, uri: '${address}' }]`;
  const { code, stdout, stderr } = await run(
    [
      ...words,
      '--network.hiddenDim',
      '4',
      '--tracking',
      tracking,
      '--evaluation.episodes',
      '1',
      '--runDirectory',
      directory,
    ],
    { DEBUG: '1', PATH: root },
  );
  expect(code).toBe(0);
  expect(stderr).toMatch(/warning: MLflow.* answered 401/);
  // Told to the server, and to nobody else.
  expect(asked.at(-1)!.headers.authorization).toBe(`Basic ${basic}`);
  for (const form of forms) expect(stdout + stderr).not.toContain(form);
  expect(readdirSync(directory)).toEqual(expect.arrayContaining(['config.json', 'recipe.yaml', 'wandb']));
  expect(leaks(root)).toEqual([]);

  const dashboard = await serveDashboard({ folder: join(root, 'runs'), port: 0 });
  try {
    for (const path of ['api/runs', 'api/run?run=tracked', 'api/columns?run=tracked']) {
      const text = await (await fetch(`${dashboard.url}${path}`)).text();
      expect(text).toContain('tracked');
      for (const form of forms) expect(text).not.toContain(form);
    }
  } finally {
    await dashboard.close();
  }
});

test('a run whose reward server refuses, and a hub that does', async () => {
  const tokenizer = trainByteLevelTokenizer('', { specialTokens: { eosToken: '<eos>', padToken: '<pad>' } });
  const model = fromConfig(
    { model_type: 'gpt2', n_embd: 8, n_layer: 1, n_head: 1, n_positions: 64, vocab_size: tokenizer.vocabSize },
    { seed: 1 },
  );
  await savePretrained(model, join(root, 'tiny'), { tokenizer });
  writeFileSync(join(root, 'queries.json'), JSON.stringify(arithmeticProblems({ count: 8, seed: 1 })));
  const program = join(root, 'endpoint.mts');
  const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
  writeFileSync(
    program,
    `import { trainAgent } from ${source('trainer/index.ts')};
    import { LMActorNetwork } from ${source('rl/index.ts')};
    const actor = await LMActorNetwork.fromPretrained(${JSON.stringify(join(root, 'tiny'))});
    const reward = { url: ${JSON.stringify(address)}, retries: 0, headersFromEnv: { Authorization: 'REWARD_TOKEN' } };
    try {
      await trainAgent({
        envName: 'RLHFEnv-v0',
        envOptions: { tokenizer: ${JSON.stringify(join(root, 'tiny'))}, dataset: [{ query: 'one' }, { query: 'two' }], reward, maxGeneration: 4, rewardRetries: 0 },
        actor, algorithm: { name: 'grpo', groupSize: 2 }, numEnvs: 2, updateInterval: 2, maxEpisodes: 2, seed: 1,
        runDirectory: ${JSON.stringify(join(root, 'runs/endpoint'))},
      });
    } catch (error) {
      console.error(error);
      process.exitCode = 3;
    }`,
  );
  const { child, finished } = start([], program, planted);
  child.stdin!.end();
  const { code, stdout, stderr } = await finished;
  expect([code, stderr]).toEqual([3, expect.stringContaining('answered 401')]);
  expect(asked.at(-1)!.headers.authorization).toBe(planted.REWARD_TOKEN);
  expect(asked.at(-1)!.method).toBe('POST');

  const hub = await run(['generate', 'org/private', '--prompt', 'x'], {
    DEBUG: '1',
    HF_HUB_OFFLINE: '0',
    HF_ENDPOINT: address,
    HF_HUB_CACHE: join(root, 'hub'),
  });
  expect([hub.code, hub.stderr]).toEqual([1, expect.stringContaining('the token does not give access')]);
  expect(asked.at(-1)!.headers.authorization).toBe(`Bearer ${planted.HF_TOKEN}`);
  for (const form of forms) expect(stdout + stderr + hub.stdout + hub.stderr).not.toContain(form);
  expect(leaks(root)).toEqual([]);
});

test('an address with a secret in it is refused before anything is written', async () => {
  const directory = join(root, 'runs/refused');
  const tracking = `{ name: mlflow, uri: 'http://me:${planted.WANDB_API_KEY}@127.0.0.1:1' }`;
  const { code, stdout, stderr } = await gymformer([
    'train',
    'CartPole-v1',
    '--tracking',
    tracking,
    '--runDirectory',
    directory,
  ]);
  expect(code).not.toBe(0);
  expect(stderr).toContain('without a password');
  expect(stdout + stderr).not.toContain('planted');
  expect(leaks(root)).toEqual([]);
});
