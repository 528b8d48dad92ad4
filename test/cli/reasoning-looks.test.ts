import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Looks } from '../../src/cli/reasoning-looks.ts';
import { temporaryDirectory } from '../trainer/tiny-run.ts';

const root = temporaryDirectory();

/** What is right after a step: nothing for long, then ever more. */
const accuracyAt = (step: number): number => Math.max(0, (step - 20) / 40);

/** The steps from `from` to `to` that are looked at. */
async function look(looks: Looks, from: number, to: number): Promise<number[]> {
  const looked: number[] = [];
  for (let step = from; step <= to; step++) {
    if (!(await looks.isDue(step))) continue;
    looks.note(step, accuracyAt(step));
    looked.push(step);
  }
  return looked;
}

test('looks come sooner once something is right, and a run that goes on has those of one without a break', async () => {
  const at = (name: string): Looks => new Looks(join(root, name), 0.9, 10);
  const whole = await look(at('whole.jsonl'), 1, 45);
  expect(whole).toEqual([10, 20, 30, 32, 34, 36, 38, 40, 42, 44]);
  // Killed after step 39; the last checkpoint is that of step 33.
  await look(at('broken.jsonl'), 1, 39);
  const on = at('broken.jsonl');
  expect(await look(on, 34, 45)).toEqual(whole.filter((step) => step >= 34));
  expect(on.accuracy).toBe(accuracyAt(44));
  expect(readFileSync(join(root, 'broken.jsonl'), 'utf8')).toBe(readFileSync(join(root, 'whole.jsonl'), 'utf8'));
});

test('a run that was killed at its end, before it could say so, has ended there', async () => {
  const at = (): Looks => new Looks(join(root, 'ended.jsonl'), 0.5, 10);
  await look(at(), 1, 40);
  expect(accuracyAt(40)).toBe(0.5);
  expect(await at().hasEndedAt(40)).toBe(true);
  // Or its checkpoint there was not written any more.
  const before = at();
  expect(await before.hasEndedAt(38)).toBe(false);
  expect(await look(before, 39, 40)).toEqual([40]);
});
