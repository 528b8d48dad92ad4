// Rows of Parquet files. The library that decodes them trusts what they say, and a damaged page can keep it busy for ever or let it ask for
// any amount of memory. So it works on a thread of its own, which is ended then.

import { once as onceOf } from 'node:events';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/** What decoding one group of rows may take: seconds, and seconds more for each megabyte of the file. */
const [SECONDS, SECONDS_PER_MEGABYTE] = [10, 1];
/** Of the thread's heap: at least, for each megabyte of the file, and at most. */
const HEAP_MEGABYTES = { least: 512, times: 64, most: 16_384 };

// Plain JavaScript, since a worker has no loader for TypeScript. A page never unfolds to more than a thousand times its size in honest files.
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
(async () => {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import(workerData.hyparquet);
  const { compressors } = await import(workerData.compressors);
  const bounded = (decompress) => (input, length) => {
    if (!(length <= 1000 * input.length + 2 ** 20)) throw new Error('a page of ' + input.length + ' bytes says that it unfolds to ' + length);
    return decompress(input, length);
  };
  const safe = Object.fromEntries(Object.entries(compressors).map(([codec, decompress]) => [codec, bounded(decompress)]));
  const file = await asyncBufferFromFile(workerData.path);
  const metadata = await parquetMetadataAsync(file);
  let rowStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows);
    parentPort.postMessage({ rows: await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors: safe }) });
    rowStart = rowEnd;
    // The next when these have been taken: they are not all in memory at once.
    await new Promise((resolve) => parentPort.once('message', resolve));
  }
  parentPort.postMessage({});
})().catch((error) => parentPort.postMessage({ problem: String(error.message) }));
`;

/** What the thread tells: rows, what is wrong, or the end. */
interface Message {
  readonly rows?: readonly Record<string, unknown>[];
  readonly problem?: string;
}

/**
 * The rows of a file, group by group.
 *
 * @throws Error saying what is wrong with the file
 */
export async function* parquetRows(path: string): AsyncGenerator<readonly Record<string, unknown>[]> {
  const megabytes = (await stat(path)).size / 2 ** 20;
  const { least, times, most } = HEAP_MEGABYTES;
  const require = createRequire(import.meta.url);
  const worker = new Worker(PROGRAM, {
    eval: true,
    execArgv: [],
    workerData: {
      path,
      hyparquet: pathToFileURL(require.resolve('hyparquet')).href,
      compressors: pathToFileURL(require.resolve('hyparquet-compressors')).href,
    },
    resourceLimits: { maxOldGenerationSizeMb: Math.min(most, least + times * megabytes) },
  });
  try {
    for (;;) {
      const { rows, problem } = await answerOf(worker, SECONDS + SECONDS_PER_MEGABYTE * megabytes);
      if (problem !== undefined) throw new Error(problem);
      if (rows === undefined) return;
      yield rows;
      worker.postMessage('next');
    }
  } finally {
    await worker.terminate();
  }
}

function answerOf(worker: Worker, seconds: number): Promise<Message> {
  const ended = new AbortController();
  const once = async (event: string): Promise<unknown> => (await onceOf(worker, event, { signal: ended.signal }))[0];
  const hangs = new Error(`decoding it takes more than ${Math.round(seconds)} s: a page must be damaged`);
  const races = [
    once('message') as Promise<Message>,
    once('exit').then(() => Promise.reject(new Error('decoding it ended early'))),
    sleep(1000 * seconds, undefined, { signal: ended.signal }).then(() => Promise.reject(hangs)),
  ];
  // Those that lose are called off, and what they say of that is nobody's business.
  for (const race of races) race.catch(() => undefined);
  return Promise.race(races).finally(() => ended.abort());
}
