// Runs ours of one benchmark once and prints what it measured, as bench/run.ts asks for in a process of its own:
// node --import tsx bench/measure.ts <name>

import type { Benchmark } from './benchmark.ts';

const { benchmark } = (await import(`./${process.argv[2]}.ts`)) as { benchmark: Benchmark };
console.log(JSON.stringify(await benchmark.measure()));
