// What pictures of runs are drawn of: a configuration, and rows behind it. A picture is text alone: nothing of a run becomes a part of the
// drawing's own code.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawRuns } from '../../src/plots/index.ts';
import { bytesOf, type Target } from '../target.ts';

/** Says that something was told. */
class Told extends Error {}

/** What a picture of ours never has. */
const ACTIVE =
  /<(script|foreignObject|iframe|image|use|animate|set|style[^>]*>[^<]*@import)\b|<[^>]*\s(on\w+|href)\s*=|javascript:[^<]*"/i;

const rows = [1, 2, 3, 4].map((update) => ({
  update,
  globalStep: 10 * update,
  episodicReturn: update,
  loss: 1 / update,
  scores: update,
  kl: update / 10,
  seconds: update,
}));
const config = (name: string): object => ({
  env: { name },
  recipe: { env: name, seed: 1, ppo: { lrActor: 1e-3 } },
  seed: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  versions: { gymformer: '0.1.0' },
});

const target: Target = {
  words: [
    '<script>',
    '"><image href=x onerror=a()>',
    ']]>',
    '&amp;',
    '\u0000',
    '1e308',
    '-1e308',
    '5e-324',
    'null',
    '{"update":9}',
    '\n',
  ],
  refusals: [Told],
  seeds: () => [bytesOf({ config: config('CartPole-v1'), rows }), bytesOf({ config: config('a<b>&"c'), rows })],
  async read(bytes, folder) {
    let given: { readonly config?: unknown; readonly rows?: unknown };
    try {
      given = Object(JSON.parse(Buffer.from(bytes).toString('utf8'))) as typeof given;
    } catch {
      throw new Told('no JSON');
    }
    const run = join(folder, 'runs', 'a<b> & "c"');
    mkdirSync(run, { recursive: true });
    const lines = Array.isArray(given.rows) ? given.rows : [given.rows];
    writeFileSync(join(run, 'config.json'), JSON.stringify(given.config) ?? '');
    for (const name of ['metrics', 'completions', 'episodes']) {
      writeFileSync(join(run, `${name}.jsonl`), lines.map((row) => `${JSON.stringify(row)}\n`).join(''));
    }
    const { pictures, problems } = await drawRuns([join(folder, 'runs')]);
    for (const { svg, name } of pictures) {
      const found = ACTIVE.exec(svg);
      if (found !== null) throw new TypeError(`${name} has ${found[0]}`);
      if (/NaN|Infinity/.test(svg.replace(/<(text|title|desc)\b[\s\S]*?<\/\1>/g, '')))
        throw new TypeError(`${name} is drawn at no number`);
      if (/[/\\]/.test(name)) throw new TypeError(`a picture is called ${name}`);
    }
    if (pictures.length === 0) throw new Told(problems.join('; '));
  },
};
export default target;
