// The picture of Blackjack. Size, layout and colours: Gymnasium's Blackjack-v1; cards and letters are our own.

import { type Drawing, type DrawingContext, hasNumbers } from './drawing.ts';
import { drawText, textWidth } from './pixel-text.ts';
import { drawSprite, type Sprite } from './sprites.ts';

/** The suits, by the letters that Gymnasium has for them: clubs, diamonds, hearts, spades. */
export const SUITS = ['C', 'D', 'H', 'S'] as const;

/** The ranks of a card that counts ten. */
export const TENS = ['J', 'Q', 'K'] as const;

/** What a picture of Blackjack shows. */
export interface BlackjackPicture {
  readonly playerSum: number;
  readonly usableAce: boolean;
  /** The value of the dealer's open card; 1 is an ace. */
  readonly dealerCard: number;
  readonly dealerSuit: (typeof SUITS)[number];
  /** What stands on that card: `A`, `2` to `9`, `J`, `Q` or `K`. */
  readonly dealerRank: string;
}

const WIDTH = 600;
const HEIGHT = 500;
const SPACING = 25;
const CARD = { y: 86, width: 119, height: 166 };
const TABLE = 'rgb(7, 99, 36)';
const INK = 'rgb(35, 33, 61)';
const RED = 'rgb(197, 104, 118)';
const PAPER = 'rgb(242, 242, 242)';

const SHAPES: Readonly<Record<BlackjackPicture['dealerSuit'], readonly string[]>> = {
  C: ['..###..', '..###..', '.#####.', '#######', '#######', '.#.#.#.', '..###..'],
  D: ['...#...', '..###..', '.#####.', '#######', '.#####.', '..###..', '...#...'],
  H: ['.##.##.', '#######', '#######', '#######', '.#####.', '..###..', '...#...'],
  S: ['...#...', '..###..', '.#####.', '#######', '#######', '.#.#.#.', '..###..'],
};

export const blackjackDrawing: Drawing<BlackjackPicture> = {
  fps: 4,
  size: () => ({ width: WIDTH, height: HEIGHT }),
  accepts(state): state is BlackjackPicture {
    if (!hasNumbers(state, 'playerSum', 'dealerCard')) return false;
    const { usableAce, dealerSuit, dealerRank } = state as Partial<BlackjackPicture>;
    if (typeof usableAce !== 'boolean' || dealerSuit === undefined || !SUITS.includes(dealerSuit)) return false;
    return typeof dealerRank === 'string' && /^[A2-9JQK]$/.test(dealerRank);
  },
  draw(context, { playerSum, usableAce, dealerCard, dealerSuit, dealerRank }) {
    context.fillStyle = TABLE;
    context.fillRect(0, 0, WIDTH, HEIGHT);
    const small = { pixel: 3.3, color: '#fff' };
    drawText(context, `Dealer: ${dealerCard}`, { x: SPACING, y: 25, ...small });
    drawOpenCard(context, 169, dealerSuit, dealerRank);
    drawHiddenCard(context, 312);
    drawText(context, 'Player', { x: SPACING, y: 289, ...small });
    const sum = String(playerSum);
    drawText(context, sum, { x: (WIDTH - textWidth(sum, 9)) / 2, y: 350, pixel: 9, color: '#fff' });
    if (!usableAce) return;
    drawText(context, 'usable ace', { x: (WIDTH - textWidth('usable ace', 3.3)) / 2, y: 448, ...small });
  },
};

function drawOpenCard(context: DrawingContext, x: number, suit: BlackjackPicture['dealerSuit'], rank: string): void {
  const color = suit === 'D' || suit === 'H' ? RED : INK;
  const shape: Sprite = { rows: SHAPES[suit], colors: { '#': color } };
  drawCard(context, x, PAPER);
  const drawCorner = () => {
    drawText(context, rank, { x: 9, y: 9, pixel: 2, color });
    drawSprite(context, shape, { x: 8, y: 27, pixel: 2 });
  };
  context.save();
  context.translate(x, CARD.y);
  drawCorner();
  context.translate(CARD.width, CARD.height);
  context.scale(-1, -1);
  drawCorner();
  context.restore();
  drawSprite(context, shape, { x: x + CARD.width / 2 - 24.5, y: CARD.y + CARD.height / 2 - 24.5, pixel: 7 });
}

function drawHiddenCard(context: DrawingContext, x: number): void {
  drawCard(context, x, PAPER);
  context.strokeStyle = RED;
  context.lineWidth = 2;
  for (const inset of [8, 12]) {
    context.beginPath();
    context.moveTo(x + inset, CARD.y + inset);
    context.lineTo(x + CARD.width - inset, CARD.y + inset);
    context.lineTo(x + CARD.width - inset, CARD.y + CARD.height - inset);
    context.lineTo(x + inset, CARD.y + CARD.height - inset);
    context.closePath();
    context.stroke();
  }
  context.fillStyle = RED;
  // A weave of small squares.
  for (let row = 0; row < 42; row++) {
    for (let column = 0; column < 28; column++) {
      if ((row + column) % 4 < 2) context.fillRect(x + 18 + column * 3, CARD.y + 20 + row * 3, 3, 3);
    }
  }
}

/** A card's outline, with corners of three steps. */
function drawCard(context: DrawingContext, x: number, color: string): void {
  const { y, width, height } = CARD;
  for (const [edge, fill] of [
    [0, INK],
    [3, color],
  ] as const) {
    context.fillStyle = fill;
    for (const [stepX, stepY] of [
      [0, 9],
      [3, 3],
      [9, 0],
    ] as const) {
      const [insetX, insetY] = [edge + stepX, edge + stepY];
      context.fillRect(x + insetX, y + insetY, width - 2 * insetX, height - 2 * insetY);
    }
  }
}
