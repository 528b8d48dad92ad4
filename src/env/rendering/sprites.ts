// Small figures for the grid worlds, as text: a character is a pixel, a dot is nothing.

import type { DrawingContext } from './drawing.ts';

/** A figure: its rows, and the colour of each character. */
export interface Sprite {
  readonly rows: readonly string[];
  readonly colors: Readonly<Record<string, string>>;
}

/** Draws a sprite with its top left corner at (x, y), each of its pixels a square of `pixel` by `pixel`. */
export function drawSprite(
  context: DrawingContext,
  { rows, colors }: Sprite,
  { x, y, pixel, mirrored = false }: { x: number; y: number; pixel: number; mirrored?: boolean },
): void {
  rows.forEach((row, i) => {
    const characters = mirrored ? [...row].reverse().join('') : row;
    // Whole pixels leave no seams between rectangles.
    const top = Math.round(y + i * pixel);
    const bottom = Math.round(y + (i + 1) * pixel);
    for (const { 0: run, index } of characters.matchAll(/([^.])\1*/g)) {
      const left = Math.round(x + index * pixel);
      context.fillStyle = colors[run[0]];
      context.fillRect(left, top, Math.round(x + (index + run.length) * pixel) - left, bottom - top);
    }
  });
}

const ELF = {
  d: '#52333f',
  g: '#63ab3f',
  G: '#3b7d4f',
  r: '#e64539',
  h: '#ad2f45',
  s: '#ffc2a1',
  b: '#8f4d57',
};

const ELF_FRONT: Sprite = {
  colors: ELF,
  rows: [
    '....dddd....',
    '...dggggd...',
    '..dggggggd..',
    '.dggggggggd.',
    '.dgGGGGGGgd.',
    '.drrrrrrrrd.',
    '.dhsssssshd.',
    '.dsdssssdsd.',
    '.dssssssssd.',
    '..dssssssd..',
    '..dggssggd..',
    '.dgggrrgggd.',
    '.sdggrrggds.',
    '..dGGGGGGd..',
    '..dbbddbbd..',
    '..dddd.ddd..',
  ],
};

const ELF_BACK: Sprite = {
  colors: ELF,
  rows: [
    '....dddd....',
    '...dggggd...',
    '..dggggggd..',
    '.dggGggGggd.',
    '.dgGGGGGGgd.',
    '.drrrrrrrrd.',
    '.dhhhhhhhhd.',
    '.dhhhhhhhhd.',
    '.dhhhhhhhhd.',
    '..dhhhhhhd..',
    '..dggggggd..',
    '.dggggggggd.',
    '.sdggggggds.',
    '..dGGGGGGd..',
    '..dbbddbbd..',
    '..dddd.ddd..',
  ],
};

const ELF_SIDE: Sprite = {
  colors: ELF,
  rows: [
    '...dddd.....',
    '..dggggdd...',
    '.dggggggggd.',
    'ddgggggggd..',
    'dGdgGGGGGd..',
    '.d.drrrrrrd.',
    '..dhhssssd..',
    '..dhhssdssd.',
    '..dhhsssssd.',
    '...dhsssdd..',
    '...dggggd...',
    '..dggsggd...',
    '..dggsrgd...',
    '..dGGGGGd...',
    '..dbbdbbd...',
    '..dddddd....',
  ],
};

/** The walker of FrozenLake and CliffWalking, looking where they went. */
export const elf = {
  up: { sprite: ELF_BACK, mirrored: false },
  right: { sprite: ELF_SIDE, mirrored: false },
  down: { sprite: ELF_FRONT, mirrored: false },
  left: { sprite: ELF_SIDE, mirrored: true },
} as const;

/** Where a walk begins. */
export const stool: Sprite = {
  colors: { d: '#52333f', r: '#bd6a62', b: '#8f4d57', s: '#b0b0b0' },
  rows: [
    'dddddddd',
    'drrrrrrd',
    'drrrrrrd',
    'drrrrrrd',
    'drrrrrrd',
    'dbbbbbbd',
    'dddddddd',
    'dbdssdbd',
    'ddsssddd',
    '.ssssss.',
  ],
};

/** The goal of FrozenLake. */
export const gift: Sprite = {
  colors: { d: '#30284a', t: '#4c6885', u: '#4fa4b8', o: '#ab5130', y: '#f0b541', c: '#cf752b' },
  rows: [
    '..ooo......ooo..',
    '.oyyyo....oyyyo.',
    '.oycyyoooooycyo.',
    'doyyyyycoyyyyyod',
    'duooooocyooooou.',
    'duuuuuoyyouuuuud',
    'duuuuoycoyouuuud',
    'dtttoyooooyotttd',
    'dddddddoodddddd.',
    '.dtttttoottttd..',
    '.dtttttccttttd..',
    '.dccccccccccccd.',
    '.dcccccccccccd..',
    '.dtttttccttttd..',
    '.dtttttccttttd..',
    '.ddddddddddddd..',
  ],
};

/** The goal of CliffWalking. */
export const cookie: Sprite = {
  colors: { d: '#7f4137', c: '#e09f61', s: '#ca7b5a', k: '#5b2f2a' },
  rows: [
    '.....dddddd.....',
    '...ddccccccdd...',
    '..dccccckccccd..',
    '.dcckccccccccsd.',
    '.dccccccccckcsd.',
    'dccccccccccccssd',
    'dccccckcccccccsd',
    'dckcccccccckccsd',
    'dcccccccccccccsd',
    'dccccccckcccccsd',
    'dccckcccccccccsd',
    '.dccccccccckcsd.',
    '.dcccccckccccsd.',
    '..dsckccccccsd..',
    '...ddssssssdd...',
    '.....dddddd.....',
  ],
};

/** Whom the taxi fetches. */
export const passenger: Sprite = {
  colors: { d: '#52333f', c: '#8f4d57', p: '#bd6a62', s: '#ffc2a1', r: '#e64539', g: '#63ab3f' },
  rows: [
    '...dddddd...',
    '..dppppppd..',
    '.dppppppppd.',
    '.dccccccccd.',
    '.dssssssssd.',
    '.dsdssssdsd.',
    '.dsdssssdsd.',
    '..dssssssd..',
    '..dgrrrrgd..',
    '.dgrrrrrrgd.',
    '.sdrrrrrrds.',
    '..dccccccd..',
    '..dddddddd..',
  ],
};

const CAB = {
  k: '#303439',
  y: '#fada00',
  o: '#dea200',
  b: '#af7700',
  w: '#f7f7f7',
  g: '#828a97',
  r: '#e64539',
};

const CAB_FRONT: Sprite = {
  colors: CAB,
  rows: [
    '........wwwwwwww........',
    '........wooooow.........',
    '......kkkkkkkkkkkk......',
    '.....kyyyyyyyyyyyyk.....',
    '....kyyyyyyyyyyyyyyk....',
    '....kykkkkkkkkkkkkyk....',
    '...kykggggggggggggkyk...',
    '...kykggggggggggggkyk...',
    '..kyykkkkkkkkkkkkkkyyk..',
    '..kyyyyyyyyyyyyyyyyyyk..',
    '.koyyyyyyyyyyyyyyyyyyok.',
    '.kowwooooooooooooooowok.',
    '.kowwoookkkkkkkkoooowok.',
    '.koooooogggggggggooooook',
    '.kbbbbbbkkkkkkkkkbbbbbk.',
    '.kbbbbbbbbbbbbbbbbbbbbk.',
    '..kkkkkkkkkkkkkkkkkkkk..',
    '..kkkk............kkkk..',
    '..kkkk............kkkk..',
  ],
};

const CAB_REAR: Sprite = {
  colors: CAB,
  rows: [
    '........wwwwwwww........',
    '........wooooow.........',
    '......kkkkkkkkkkkk......',
    '.....kyyyyyyyyyyyyk.....',
    '....kyyyyyyyyyyyyyyk....',
    '....kykkkkkkkkkkkkyk....',
    '...kykggggggggggggkyk...',
    '..kyykkkkkkkkkkkkkkyyk..',
    '..kyyyyyyyyyyyyyyyyyyk..',
    '.koyyyyyyyyyyyyyyyyyyok.',
    '.korroooooooooooooorrok.',
    '.korroooowwwwwwoooorrok.',
    '.kooooooowwwwwwoooooook.',
    '.kbbbbbbbbbbbbbbbbbbbbk.',
    '.kbbbbbbbbbbbbbbbbbbbbk.',
    '..kkkkkkkkkkkkkkkkkkkk..',
    '..kkkk............kkkk..',
    '..kkkk............kkkk..',
  ],
};

const CAB_SIDE: Sprite = {
  colors: CAB,
  rows: [
    '...........wwwwww...........',
    '.......kkkkkkkkkkkkk........',
    '......kyyyyyyyyyyyyyk.......',
    '.....kykkkkkkykkkkkkyk......',
    '....kykgggggkykggggggk......',
    '....kykgggggkykgggggggk.....',
    '...kyykkkkkkkykkkkkkkkyk....',
    '.kkyyyyyyyyyyyyyyyyyyyyykkk.',
    'kyyyyyyyyyykyyyyyyyykyyyyyyk',
    'kroooooooookooooooookooooowk',
    'kroooooooookooooooookooooowk',
    'koookkkkooookoooooookkkkoook',
    'kbbkkkkkkbbbkbbbbbbkkkkkkbbk',
    '.kkkkggkkkkkkkkkkkkkkggkkkk.',
    '...kkggkk..........kkggkk...',
    '....kkkk............kkkk....',
  ],
};

/** The taxi, looking where it last went: south, north, east, west. */
export const cabs = [
  { sprite: CAB_FRONT, mirrored: false },
  { sprite: CAB_REAR, mirrored: false },
  { sprite: CAB_SIDE, mirrored: false },
  { sprite: CAB_SIDE, mirrored: true },
] as const;

/** Where the passenger wants to go. */
export const hotel: Sprite = {
  colors: { d: '#853e5b', w: '#fbf0dd', t: '#f8ab68', y: '#ffcd75', p: '#5d275d', b: '#41a6f6', g: '#73eff7' },
  rows: [
    '..wwwwwwwwwwwwwwwwww',
    '..wddddddddddddddddw',
    '..wdyyyyyyyyyyyyyydw',
    '..wdyyyyyyyyyyyyyydw',
    '..wwwwwwwwwwwwwwwwww',
    'ddpppppppppppppppppp',
    'dddtttttttttttttttt.',
    'ddtppppttppppttpppp.',
    'ddtpbbpttpbbpttpbbp.',
    'tdtppppttppppttpppp.',
    'tdtttttttttttttttttd',
    'tdtppppttppppttppppd',
    'tdtpbbpttpbbpttpbbpd',
    'tdtppppttppppttppppd',
    'ydyyyyyyyyyyyyyyyyyd',
    'ydyppppyddddddyppppd',
    'ydypggpydggggdypggpd',
    'ydyppppydggggdyppppd',
    'ydwwwwwwdbbbbdwwwwwd',
    'dddddddddbbbbddddddd',
  ],
};
