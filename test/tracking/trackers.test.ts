import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  exportRun,
  type MetricsRow,
  MlflowTracker,
  readRows,
  TensorBoardTracker,
  type Tracker,
  WandbTracker,
} from '../../src/tracking/index.ts';
import { groupedName } from '../../src/tracking/metric-names.ts';
import { temporaryDirectory, tinyRun } from '../trainer/tiny-run.ts';
import { tinyText } from '../trainer/tiny-text.ts';

const root = temporaryDirectory();
afterEach(() => vi.unstubAllEnvs());

/** Writes down what it is told. */
function recorder(): { readonly tracker: Tracker; readonly told: (readonly [what: string, ...rest: unknown[]])[] } {
  const told: [what: string, ...rest: unknown[]][] = [];
  const tracker: Tracker = {
    start: ({ name, directory, config }) => void told.push(['start', name, directory, config['seed']]),
    log: (row, step) => void told.push(['log', row, step]),
    episode: (row, step) => void told.push(['episode', row, step]),
    completions: (rows, step) => void told.push(['completions', rows, step]),
    image: (name, png, step) => void told.push(['image', name, Buffer.from(png).subarray(1, 4).toString(), step]),
    histogram: (name, values, step) => void told.push(['histogram', name, values, step]),
    finish: (summary) => void told.push(['finish', summary]),
  };
  return { tracker, told };
}

describe('a tracker is told', () => {
  test('what is written down, as it is written down, and later the same from the directory', async () => {
    const runDirectory = join(root, 'told');
    const [live, later] = [recorder(), recorder()];
    await tinyRun(root, { runDirectory, trackers: [live.tracker] });
    const { told } = live;
    expect(told[0]).toEqual(['start', 'told', runDirectory, 7]);
    const of = (what: string) => told.filter(([kind]) => kind === what);
    const [metrics, episodes] = [
      await readRows(join(runDirectory, 'metrics.jsonl')),
      await readRows(join(runDirectory, 'episodes.jsonl')),
    ];
    expect(of('log')).toEqual(metrics.rows.map((row) => ['log', row, row['globalStep']]));
    expect(of('episode')).toEqual(episodes.rows.map((row) => ['episode', row, row['globalStep']]));
    expect(of('histogram').flatMap(([, , values]) => values)).toEqual(episodes.rows.map((row) => row['return']));
    const { globalStep } = metrics.rows.at(-1)!;
    expect(of('image')).toEqual(
      ['learning-curve', 'rewards'].map((name) => ['image', `media/${name}`, 'PNG', globalStep]),
    );
    expect(told.at(-1)).toEqual(['finish', JSON.parse(readFileSync(join(runDirectory, 'summary.json'), 'utf8'))]);

    const { rows, problems, failures } = await exportRun(runDirectory, [later.tracker]);
    expect(later.told).toEqual(told);
    expect({ rows, problems, failures }).toEqual({
      rows: { metrics: metrics.rows.length, episodes: episodes.rows.length },
      problems: [],
      failures: [],
    });
  });

  test("an update's texts together", async () => {
    const runDirectory = join(root, 'texts');
    const [live, later] = [recorder(), recorder()];
    await tinyText(root, { runDirectory, trackers: [live.tracker] });
    const texts = live.told.filter(([what]) => what === 'completions');
    const { rows } = await readRows(join(runDirectory, 'completions.jsonl'));
    expect(texts.map(([, some]) => (some as readonly unknown[]).length)).toEqual([8, 8, 8, 8]);
    expect(texts.flatMap(([, some]) => some)).toEqual(rows);
    await exportRun(runDirectory, [later.tracker]);
    expect(later.told).toEqual(live.told);
  });

  test('of a run without a directory too', async () => {
    const { tracker, told } = recorder();
    await tinyRun(root, { trackers: [tracker] });
    expect(told[0]).toEqual(['start', 'CartPole-v1', null, 7]);
    expect(told.filter(([what]) => what === 'log')).toHaveLength(2);
  });
});

describe('a tracker that fails', () => {
  const failing: readonly (readonly [string, Tracker, RegExp])[] = [
    ['at the start', { start: () => boom(), log: () => undefined }, /boom/],
    ['in the middle', { log: () => boom() }, /boom/],
    ['later', { log: async () => boom() }, /boom/],
    ['in the end', { log: () => undefined, finish: () => Promise.reject(new Error('boom')) }, /boom/],
    [
      'to answer at all',
      { finishSeconds: 0.1, log: () => new Promise<void>(() => undefined) },
      /not finish within 0\.1 s/,
    ],
  ];

  test.each(failing)('%s: one warning, and the run and the other trackers go on', async (name, tracker, why) => {
    const runDirectory = join(root, `failing ${name}`);
    const warnings: string[] = [];
    const other = recorder();
    const options = { runDirectory, trackers: [{ ...tracker, name: 'mine' }, other.tracker] };
    const result = await tinyRun(root, { ...options, warn: (message) => warnings.push(message) });
    expect(result.stoppedBy).toBe('totalSteps');
    expect(warnings).toEqual([expect.stringMatching(why)]);
    expect(warnings[0]).toMatch(/^mine failed: .* The run goes on without it\. All of it is in .*failing/);
    expect(other.told.filter(([what]) => what === 'log')).toHaveLength(2);
    expect(other.told.at(-1)![0]).toBe('finish');
    expect((await readRows(join(runDirectory, 'metrics.jsonl'))).rows).toHaveLength(2);
  });

  test('is told nothing more', async () => {
    let calls = 0;
    const log = (): void => {
      calls++;
      boom();
    };
    await tinyRun(root, { trackers: [{ log }], warn: () => undefined });
    expect(calls).toBe(1);
  });

  test('training that fails is told of', async () => {
    const { tracker, told } = recorder();
    const onUpdateEnd = (): never => boom();
    await expect(tinyRun(root, { trackers: [tracker], callbacks: { onUpdateEnd } })).rejects.toThrow(/boom/);
    expect(told.at(-1)).toEqual(['finish', expect.objectContaining({ stoppedBy: 'failed' })]);
  });
});

function boom(): never {
  throw new Error('boom');
}

test('metrics are in groups', () => {
  const names = ['policyLoss', 'loss', 'gradNorm', 'episodicReturn', 'learningRate', 'kl', 'scores', 'evalLoss'];
  expect(names.map(groupedName)).toEqual([
    'losses/policyLoss',
    'losses/loss',
    'losses/gradNorm',
    'charts/episodicReturn',
    'charts/learningRate',
    'objective/kl',
    'objective/scores',
    'eval/loss',
  ]);
  expect([groupedName('rewards/margins'), groupedName('evalRewards/margins')]).toEqual([
    'rewards/margins',
    'eval/rewards/margins',
  ]);
  expect(groupedName('globalStep')).toBe(null);
});

describe('W&B', () => {
  const run = (directory: string, warn = (message: string): void => void message) => ({
    name: 'run',
    directory,
    config: { seed: 1 },
    startedAt: new Date('2026-01-02T03:04:05.678Z'),
    warn,
  });

  test('two steps that are one, such as an update and the episode before it, are one row', () => {
    const directory = join(root, 'one row');
    const tracker = new WandbTracker();
    tracker.start(run(directory));
    tracker.episode({ episode: 1, globalStep: 8, return: 3, length: 8, envIndex: 0, seconds: 1 }, 8);
    tracker.log({ globalStep: 8, loss: 2, seconds: 2 }, 8);
    void tracker.finish(null);
    const bytes = readFileSync(
      join(tracker.folder!, readdirSync(tracker.folder!).find((name) => name.endsWith('.wandb'))!),
    );
    expect(bytes.toString('latin1').match(/_step/g)).toHaveLength(1);
  });

  const command = (name: string, script: string): void => {
    mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, name, 'wandb'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    vi.stubEnv('PATH', `${join(root, name)}${delimiter}${process.env['PATH']}`);
  };

  test.skipIf(process.platform === 'win32')(
    'online: the command syncs in the end, whatever the path is called',
    async () => {
      command('works', `printf '%s\n' "$@" > '${join(root, 'works', 'said')}'`);
      const directory = join(root, 'it\'s "$HOME" & more');
      const tracker = new WandbTracker({ mode: 'online' });
      tracker.start(run(directory));
      await tracker.finish({ stoppedBy: 'maxSteps' });
      expect(readFileSync(join(root, 'works', 'said'), 'utf8')).toBe(`sync\n${tracker.folder}\n`);
      expect(tracker.syncCommand).toBe(null);
    },
  );

  test.skipIf(process.platform === 'win32')('a command that fails, or is not there: how to sync later', async () => {
    const warnings: string[] = [];
    command('fails', 'echo "not logged in" >&2; exit 3');
    const trackers = [new WandbTracker({ mode: 'online' })];
    await tinyRun(root, {
      runDirectory: join(root, 'not synced'),
      trackers,
      warn: (message) => warnings.push(message),
    });
    vi.stubEnv('PATH', join(root, 'no such folder'));
    const more = [new WandbTracker({ mode: 'online' })];
    await tinyRun(root, {
      runDirectory: join(root, 'none'),
      trackers: more,
      warn: (message) => warnings.push(message),
    });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^W&B failed: wandb sync ended with 3: not logged in; sync it with: wandb sync .*offline-run-/,
      ),
      expect.stringMatching(/^W&B failed: there is no command wandb \(pip install wandb\); sync it with: wandb sync /),
    ]);
  });
});

describe('MLflow', () => {
  test('a server that is not there: one warning, all data kept, and soon', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await new Promise((resolve) => server.close(resolve));
    const runDirectory = join(root, 'dead server');
    const warnings: string[] = [];
    const trackers = [new MlflowTracker({ uri })];
    await tinyRun(root, { runDirectory, trackers, warn: (message) => warnings.push(message) });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`${uri} cannot be reached (connect ECONNREFUSED`);
    expect(warnings[0]).toContain(runDirectory);
    expect((await readRows(join(runDirectory, 'metrics.jsonl'))).rows).toHaveLength(2);
    const told = await exportRun(runDirectory, [new MlflowTracker({ uri })]);
    expect(told.failures).toEqual([expect.stringMatching(/cannot be reached/)]);
  });

  test('who logs is told to the server alone', async () => {
    const asked: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      asked.push(request);
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end('{"error_code":"UNAUTHENTICATED","message":"no"}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const secrets = [
        [{ MLFLOW_TRACKING_TOKEN: 'secret-token' }, 'Bearer secret-token'],
        [
          { MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'secret-word' },
          `Basic ${btoa('me:secret-word')}`,
        ],
        [{ MLFLOW_TRACKING_URI: `http://me:secret-word@127.0.0.1:${port}` }, `Basic ${btoa('me:secret-word')}`],
      ] as const;
      for (const [i, [variables, header]] of secrets.entries()) {
        vi.unstubAllEnvs();
        vi.stubEnv('MLFLOW_TRACKING_URI', `http://127.0.0.1:${port}`);
        for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
        const runDirectory = join(root, `secret ${i}`);
        const warnings: string[] = [];
        const trackers = [new MlflowTracker(), new TensorBoardTracker(), new WandbTracker()];
        await tinyRun(root, { runDirectory, trackers, warn: (message) => warnings.push(message) });
        expect(asked.at(-1)!.headers.authorization).toBe(header);
        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toMatch(/answered 401: no \(set MLFLOW_TRACKING_TOKEN/);
        const written = readdirSync(runDirectory, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
        for (const text of [...written, ...warnings]) expect(text).not.toMatch(/secret-|c2VjcmV0|bWU6/);
      }
    } finally {
      server.close();
    }
  });

  test('addresses that cannot be', () => {
    expect(() => new MlflowTracker({ uri: 'somewhere' })).toThrow(
      /the address of MLflow is 'somewhere', but must be such as/,
    );
    expect(() => new MlflowTracker({ uri: 'file:///tmp/x' })).toThrow(/begins with file:/);
    expect(() => new MlflowTracker({ uri: 'http://me:word@host' })).toThrow(/has a password in it/);
    expect(() => new MlflowTracker({ uri: 'http://host/?token=word' })).toThrow(/has something behind its path/);
    expect(() => new MlflowTracker({ uri: 'http://me:word@host:port' })).toThrow("is '…@host:port', but");
    vi.stubEnv('MLFLOW_TRACKING_TOKEN', 'wo\nrd');
    expect(() => new MlflowTracker({ uri: 'http://host' })).toThrow(/MLFLOW_TRACKING_TOKEN holds characters/);
    vi.unstubAllEnvs();
  });
});

test('TensorBoard: what a model writes stays text, and a run without a directory says what it needs', async () => {
  const directory = join(root, 'markdown');
  const tracker = new TensorBoardTracker({ directory });
  tracker.start({ name: '', directory: null, config: {}, startedAt: new Date(0), warn: () => undefined });
  const completion = '<script>alert(1)</script> | *bold* `code` [x](y)\nline';
  const row = { update: 1, episode: 1, prompt: 'p', completion, finishReason: 'eos', return: 1, tokens: 2 };
  tracker.completions([row], 1);
  tracker.finish();
  const text = readFileSync(join(directory, readdirSync(directory)[0]!), 'utf8');
  expect(text).toContain(String.raw`&lt;script&gt;alert\(1\)&lt;/script&gt; \| \*bold\* \`code\` \[x\]\(y\)<br>line`);
  const warnings: string[] = [];
  await tinyRun(root, { trackers: [new TensorBoardTracker()], warn: (message) => warnings.push(message) });
  expect(warnings).toEqual([expect.stringMatching(/a run without a directory needs the option directory/)]);
  expect(existsSync(join(root, 'events'))).toBe(false);
});

test('a row without a number is no metric', async () => {
  const { tracker, told } = recorder();
  const runDirectory = join(root, 'broken');
  mkdirSync(runDirectory);
  writeFileSync(join(runDirectory, 'config.json'), '{"createdAt":"2026-01-01T00:00:00.000Z"}');
  writeFileSync(join(runDirectory, 'metrics.jsonl'), '{"step":1,"loss":NaN}\nnothing\n{"step":2,"loss":3}\n{"ste');
  const { problems } = await exportRun(runDirectory, [tracker, new TensorBoardTracker(), new WandbTracker()]);
  expect(problems).toEqual(['metrics.jsonl: 1 lines could not be read']);
  expect(told.flatMap(([what, row]) => (what === 'log' ? [(row as MetricsRow)['loss']] : []))).toEqual([null, 3]);
  await expect(exportRun(join(root, 'nowhere'), [])).rejects.toThrow(/holds no run: config\.json: there is none/);
});
