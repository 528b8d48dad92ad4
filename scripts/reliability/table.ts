// The table of docs/reliability.md, between its two markers. Parts are run one at a time, on different days and machines: each has its rows, and
// writes no others.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Saving } from './checkpoints.ts';
import type { Disk } from './disks.ts';
import type { Read } from './files.ts';
import type { Killed } from './kills.ts';
import { kept, type Result } from './results.ts';
import type { Resumed } from './resumes.ts';
import type { Interrupted } from './signals.ts';
import type { Soaked } from './soak.ts';
import type { Repeated } from './threads.ts';

const PAGE = join(import.meta.dirname, '../../docs/reliability.md');
const [BEGIN, END] = ['<!-- begin: npm run reliability -->', '<!-- end -->'];
const HEAD = ['| part | what | figure | measured |', '|---|---|---|---|'];

type Row = readonly [what: string, figure: string];
type Rows<T> = (found: T) => readonly Row[];

const grouped = (value: number): string => value.toLocaleString('en');
const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
const share = (part: number, whole: number): string => `${grouped(part)} / ${grouped(whole)}`;

const killRows: Rows<Killed> = ({ tried, survived, inCheckpoints, inLines, finished, byMoment }) => [
  ['kills survived / tried', share(survived, tried)],
  [
    'of which at a random time while starting, after a random row, while a checkpoint is written, in the middle of a write or between two',
    Object.values(byMoment).join(', '),
  ],
  ['kills that left a checkpoint half written; a line half written', `${inCheckpoints}; ${inLines}`],
  ['runs that went on to their ends after them, and were compared', grouped(finished)],
];

const resumeRows: Rows<readonly Resumed[]> = (found) => [
  [
    'resumed runs equal to the last bit / tried',
    share(
      sum(found, ({ equal }) => equal),
      sum(found, ({ tried }) => tried),
    ),
  ],
  ...found.map(({ trainer, equal, tried }): Row => [`⋅ ${trainer}`, share(equal, tried)]),
];

const DISKS = {
  full: 'disk that fills up: survived / tried',
  'read-only': 'run on a read-only disk: survived / tried',
  'turns read-only': 'folder of checkpoints that turns read-only: survived / tried',
} as const;

const diskRows: Rows<readonly Disk[]> = (found) =>
  found.map(({ what, tried, survived }) => [DISKS[what], share(survived, tried)]);

const fileRows: Rows<readonly Read[]> = (found) => [
  [
    'malformed files refused / tried; crashed, hung, or took too much memory',
    `${share(
      sum(found, ({ refused }) => refused),
      sum(found, ({ tried }) => tried),
    )}; ${sum(found, ({ findings }) => findings.length)}`,
  ],
  ...found.map(
    ({ target, refused, tried, findings }): Row => [`⋅ ${target}`, `${share(refused, tried)}; ${findings.length}`],
  ),
];

/** Minutes of a processor, below which noise is all that a slope shows. */
const LEAST_SOAKED = 10;

const soakRows: Rows<readonly Soaked[]> = (found) =>
  found.map(({ work, minutes, updates, from, to, slope, heapSlope }) => {
    const slopes =
      minutes < LEAST_SOAKED
        ? 'too short for a slope'
        : `slope ${signed(slope)} MB/h, of JavaScript's objects ${signed(heapSlope)} MB/h`;
    return [
      `soak of ${work}: minutes of a processor, updates; memory after the first third and at the end`,
      `${minutes.toFixed(1)} min, ${grouped(updates)}; ${from.toFixed(0)} → ${to.toFixed(0)} MB; ${slopes}`,
    ];
  });

const savingRows: Rows<Saving> = ({ updates, checkpoints, secondsAnUpdate, secondsACheckpoint, share: part }) => [
  ['writing checkpoints, of the time of `npm start` where it learns from rewards', `${(100 * part).toFixed(2)} %`],
  [
    `an update; a checkpoint (medians of ${updates} and ${checkpoints})`,
    `${secondsAnUpdate.toFixed(2)} s; ${secondsACheckpoint.toFixed(3)} s`,
  ],
];

const threadRows: Rows<readonly Repeated[]> = (found) => {
  const equal = (of: keyof Repeated): string =>
    share(found.filter((repeated) => repeated[of] === null).length, found.length);
  const told = (problem: string | null): string => (problem === null ? 'the same' : `other bits: ${problem}`);
  return [
    [
      'the same seed again, equal to the last bit / tried: on 1 thread; on 2 threads',
      `${equal('one')}; ${equal('two')}`,
    ],
    ['on 1 thread and on 2, equal to the last bit / tried', equal('oneAndTwo')],
    ...found.map(({ what, oneAndTwo }): Row => [`⋅ ${what}, on 1 thread and on 2`, told(oneAndTwo)]),
  ];
};

const signalRows: Rows<readonly Interrupted[]> = (found) => [
  [
    'Ctrl-C in the middle of something long: saved / tried; seconds from it to the end, the longest',
    `${share(
      sum(found, ({ saved }) => saved),
      sum(found, ({ tried }) => tried),
    )}; ${Math.max(...found.map(({ worst }) => worst)).toFixed(1)} s`,
  ],
  ...found.map(
    ({ work, tried, saved, takes, worst }): Row => [
      `⋅ ${work}${work.includes('reading') ? '' : `, an update or step of ${takes.toFixed(0)} s`}`,
      `${share(saved, tried)}; ${worst.toFixed(1)} s`,
    ],
  ),
];

function signed(value: number): string {
  return `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(1)}`;
}

/** Makes the rows of each part of what it found, in their order. */
const PARTS: Readonly<Record<string, (part: string) => readonly string[] | null>> = {
  kills: lines(killRows),
  resumes: lines(resumeRows),
  disks: lines(diskRows),
  files: lines(fileRows),
  soak: lines(soakRows),
  checkpoints: lines(savingRows),
  threads: lines(threadRows),
  signals: lines(signalRows),
};

/** Writes the rows of a part, in place of those that it has, from what it found last here. */
export function writeRows(part: string): void {
  const found = PARTS[part]!(part);
  if (found === null) return;
  const page = readFileSync(PAGE, 'utf8');
  const [from, to] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)];
  if (from < BEGIN.length || to < from) throw new Error(`${PAGE} lacks the markers ${BEGIN} and ${END}`);
  const written = page.slice(from, to).split('\n');
  const rows = Object.keys(PARTS).flatMap((each) =>
    each === part ? found : written.filter((line) => line.startsWith(`| ${each} |`)),
  );
  writeFileSync(PAGE, `${page.slice(0, from)}\n\n${[...HEAD, ...rows].join('\n')}\n\n${page.slice(to)}`);
}

/** The lines of a part; null if it has found nothing here. The machine stands in the first. */
function lines<T>(rows: Rows<T>): (part: string) => readonly string[] | null {
  return (part) => {
    const result: Result<T | null> | null = kept<T>(part);
    if (result === null || result.found === null) return null;
    const where = `${result.date}, ${result.machine}`;
    return rows(result.found).map(([what, figure], i) => `| ${part} | ${what} | ${figure} | ${i === 0 ? where : ''} |`);
  };
}
