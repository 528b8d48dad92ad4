// What can be asked, and what is answered.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { type FoundRun, readRun } from '../tracking/index.ts';
import type { Columns, Failure, RowFile, RunDetail } from './api.ts';
import { FileRefused, filesIn, sendRunFile } from './run-files.ts';
import type { RunIndex } from './run-index.ts';
import { seriesOf } from './series.ts';

/** Runs that one request may name. */
const MOST_RUNS = 200;
/** A configuration that is longer than this is of no use on a screen. */
const LONGEST_JSON = 2 ** 20;

const number = z.coerce.number();
const count = number.int().nonnegative();
const runs = z.array(z.string()).max(MOST_RUNS);
const file = z.enum(['metrics', 'episodes']);

const QUERIES = {
  run: z.object({ run: z.string() }),
  columns: z.object({ runs }),
  series: z.object({
    runs,
    file,
    /** Names of x, the best first, with commas between. */
    x: z.string().transform((names) => names.split(',')),
    y: z.string(),
    pixels: number.int().min(1).max(8192),
    from: number.optional(),
    to: number.optional(),
    low: number.optional(),
    high: number.optional(),
  }),
  completions: z.object({
    run: z.string(),
    order: z.enum(['newest', 'oldest', 'best', 'worst']).default('newest'),
    offset: count.default(0),
    limit: count.max(200).default(50),
    text: z.string().max(1000).optional(),
    correct: z
      .enum(['true', 'false'])
      .transform((value) => value === 'true')
      .optional(),
    update: number.optional(),
  }),
  compare: z.object({ run: z.string(), offset: count.default(0), limit: count.max(100).default(20) }),
  file: z.object({ run: z.string(), folder: z.enum(['replays', 'media']), name: z.string() }),
};

/** Why a question gets no answer. */
class Unanswerable extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class Routes {
  readonly #index: RunIndex;
  readonly #root: string;

  /** @param root the folder */
  constructor(index: RunIndex, root: string) {
    this.#index = index;
    this.#root = root;
  }

  /** Answers what is asked under /api/. Never throws. */
  async answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    try {
      await this.#answer(request, response, url);
    } catch (error) {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const known = error instanceof Unanswerable || error instanceof FileRefused;
      const failure: Failure = { error: error instanceof Error ? error.message : String(error) };
      sendJson(response, failure, known ? error.status : 500);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    switch (url.pathname) {
      case '/api/runs':
        return sendJson(response, this.#index.list);
      case '/api/run':
        return sendJson(response, await this.#detail(this.#run(asked('run', url).run)));
      case '/api/columns':
        return sendJson(response, this.#columns(asked('columns', url).runs));
      case '/api/series': {
        const { runs: ids, file: name, ...query } = asked('series', url);
        const curves = this.#runs(ids).map((run) => [run.id, this.#index.curves(run, name)] as const);
        return send(response, 'application/octet-stream', seriesOf(new Map(curves), query));
      }
      case '/api/completions': {
        const { run, ...query } = asked('completions', url);
        return sendJson(response, await this.#index.completions(this.#run(run)).page(query));
      }
      case '/api/compare': {
        const { run, offset, limit } = asked('compare', url);
        return sendJson(response, await this.#index.completions(this.#run(run)).compare(offset, limit));
      }
      case '/api/file': {
        const { run, folder, name } = asked('file', url);
        return sendRunFile(request, response, { root: this.#root, run: this.#run(run).path, folder, name });
      }
      default:
        throw new Unanswerable(404, `there is no ${url.pathname}`);
    }
  }

  async #detail({ id, path }: FoundRun): Promise<RunDetail> {
    const [{ config, summary, problems }, replays, media] = await Promise.all([
      readRun(path),
      filesIn(path, 'replays'),
      filesIn(path, 'media'),
    ]);
    const tooLong = (name: string, value: object | null): string[] =>
      JSON.stringify(value).length > LONGEST_JSON ? [`${name} is too large to show`] : [];
    const large = [...tooLong('config.json', config), ...tooLong('summary.json', summary)];
    return {
      id,
      path,
      config: large.length > 0 ? null : config,
      summary: large.length > 0 ? null : summary,
      replays,
      media,
      problems: [...problems, ...large],
    };
  }

  #columns(ids: readonly string[]): Columns {
    const of = (run: FoundRun, name: RowFile) => {
      const { file: source, names, rows } = this.#index.curves(run, name);
      const skipped = source.skipped > 0 ? `${source.skipped} lines of ${name}.jsonl could not be read` : null;
      const problem = source.problem === null ? skipped : `${name}.jsonl: ${source.problem}`;
      return { run: run.id, file: name, names, rows, read: source.read, problem };
    };
    return { runs: this.#runs(ids).flatMap((run) => [of(run, 'metrics'), of(run, 'episodes')]) };
  }

  #run(id: string): FoundRun {
    const run = this.#index.find(id);
    if (run === undefined) throw new Unanswerable(404, `there is no run '${id}' here`);
    return run;
  }

  /** Those that are there: a run may be removed while it is looked at. */
  #runs(ids: readonly string[]): FoundRun[] {
    return ids.flatMap((id) => this.#index.find(id) ?? []);
  }
}

/** What a question says; `run`, given several times, is `runs`. */
function asked<Name extends keyof typeof QUERIES>(name: Name, url: URL): z.infer<(typeof QUERIES)[Name]> {
  const given = { runs: url.searchParams.getAll('run'), ...Object.fromEntries(url.searchParams) };
  const result = QUERIES[name].safeParse(given);
  if (result.success) return result.data as z.infer<(typeof QUERIES)[Name]>;
  throw new Unanswerable(400, `/api/${name}: ${z.prettifyError(result.error)}`);
}

function sendJson(response: ServerResponse, value: object, status = 200): void {
  send(response, 'application/json', Buffer.from(JSON.stringify(value)), status);
}

function send(response: ServerResponse, type: string, body: Buffer, status = 200): void {
  response.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body);
}
