// Blackjack: come closer to 21 than the dealer, but not over it.

import type { Generator } from '../../random/index.ts';
import { checkedRenderMode, invalidAction, resetFirst } from '../checks.ts';
import type { EnvMetadata, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { blackjackDrawing, type BlackjackPicture, SUITS, TENS } from '../rendering/blackjack.ts';
import type { Drawing } from '../rendering/drawing.ts';
import { DrawnEnv } from '../rendering/drawn-env.ts';
import { Discrete, Tuple } from '../spaces/index.ts';

/** The thirteen ranks by their value: ace, 2 to 10, jack, queen, king. The deck never runs out. */
const DECK = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 10];

/** What Blackjack may be made with. */
export interface BlackjackOptions {
  /** Pays 1.5 for a win with an ace and a ten as the first two cards. Default false. */
  readonly natural?: boolean | undefined;
  /**
   * Follows Sutton and Barto's book: an ace and a ten win against all but another such hand, and `natural` has no
   * effect. Default false for the class; Blackjack-v1 is registered with true.
   */
  readonly sab?: boolean | undefined;
  /** `rgb_array` draws pictures, `human` shows them in the browser. Default null. */
  readonly renderMode?: string | null | undefined;
}

/** What the player sees: the sum of their cards, the dealer's open card (1 is an ace), and whether an ace counts 11 (1) or not (0). */
export type BlackjackObservation = [playerSum: number, dealerCard: number, usableAce: number];

/**
 * Play one hand of blackjack against a dealer who draws until 17. Cards are drawn with replacement. An ace counts 11
 * where that does not go over 21, else 1; pictures count 10.
 *
 * - **Action** `Discrete(2)`: 0 sticks, 1 hits (draws a card).
 * - **Observation** `Tuple(Discrete(32), Discrete(11), Discrete(2))`: see {@link BlackjackObservation}.
 * - **Reward** at the end: 1 for a win, -1 for a loss, 0 for a draw; 1.5 for a natural with `natural`.
 * - **Terminated** when the player sticks or goes over 21. Blackjack-v1 is never truncated.
 * - **Start** two cards each.
 *
 * Source: Sutton and Barto, "Reinforcement Learning: An Introduction", Example 5.1; Gymnasium's Blackjack-v1.
 */
export class BlackjackEnv extends DrawnEnv<BlackjackObservation, number, BlackjackPicture> {
  static readonly metadata: EnvMetadata = { renderModes: ['human', 'rgb_array'], renderFps: 4 };

  override readonly metadata: EnvMetadata = BlackjackEnv.metadata;
  override readonly renderMode: string | null;
  override readonly drawing: Drawing<BlackjackPicture> = blackjackDrawing;
  readonly observationSpace = new Tuple([new Discrete(32), new Discrete(11), new Discrete(2)]);
  readonly actionSpace: Discrete = new Discrete(2);
  readonly natural: boolean;
  readonly sab: boolean;

  #player: number[] = [];
  #dealer: number[] = [];
  /** Of the dealer's open card: its suit, and which picture card it is if it counts ten. For the picture alone. */
  #suit = 0;
  #ten = 0;

  constructor({ natural = false, sab = false, renderMode = null }: BlackjackOptions = {}) {
    super();
    this.natural = natural;
    this.sab = sab;
    this.renderMode = checkedRenderMode('Blackjack', renderMode, this.metadata);
  }

  /** The values of all cards on the table, in the order they were drawn, aces as 1; null before the first reset. May be set. */
  get state(): { readonly player: readonly number[]; readonly dealer: readonly number[] } | null {
    return this.#player.length === 0 ? null : { player: [...this.#player], dealer: [...this.#dealer] };
  }

  set state({ player, dealer }: { readonly player: readonly number[]; readonly dealer: readonly number[] }) {
    this.#player = [...player];
    this.#dealer = [...dealer];
  }

  override saveState() {
    return { state: this.state, suit: this.#suit, ten: this.#ten, random: this.npRandom.state };
  }

  override loadState({ state, suit, ten, random }: ReturnType<BlackjackEnv['saveState']>): void {
    this.state = state ?? { player: [], dealer: [] };
    this.#suit = suit;
    this.#ten = ten;
    this.npRandom.state = random;
  }

  /** The dealer's open card and the player's sum, for the picture. */
  override renderState(): BlackjackPicture | null {
    if (this.#player.length === 0) return null;
    const [playerSum, dealerCard, usableAce] = this.#observation();
    const dealerRank = dealerCard === 1 ? 'A' : dealerCard === 10 ? TENS[this.#ten] : String(dealerCard);
    return { playerSum, usableAce: usableAce === 1, dealerCard, dealerSuit: SUITS[this.#suit], dealerRank };
  }

  override reset(options?: ResetOptions): ResetResult<BlackjackObservation> {
    this.seedFrom(options);
    const random = this.npRandom;
    this.#dealer = [drawCard(random), drawCard(random)];
    this.#player = [drawCard(random), drawCard(random)];
    this.#suit = random.integers(0, SUITS.length);
    if (this.#dealer[0] === 10) this.#ten = random.integers(0, TENS.length);
    this.showHuman();
    return [this.#observation(), {}];
  }

  override step(action: number): StepResult<BlackjackObservation> {
    if (action !== 0 && action !== 1) throw invalidAction('Blackjack', action, this.actionSpace);
    if (this.#player.length === 0) throw resetFirst('Blackjack');
    if (action === 1) {
      this.#player.push(drawCard(this.npRandom));
      const isBust = handSum(this.#player) > 21;
      this.showHuman();
      return [this.#observation(), isBust ? -1 : 0, isBust, false, {}];
    }
    while (handSum(this.#dealer) < 17) this.#dealer.push(drawCard(this.npRandom));
    this.showHuman();
    return [this.#observation(), this.#outcome(), true, false, {}];
  }

  /** The reward of a game in which both have stopped drawing. */
  #outcome(): number {
    const outcome = Math.sign(score(this.#player) - score(this.#dealer));
    if (!isNatural(this.#player)) return outcome;
    if (this.sab) return isNatural(this.#dealer) ? outcome : 1;
    return this.natural && outcome === 1 ? 1.5 : outcome;
  }

  #observation(): BlackjackObservation {
    return [handSum(this.#player), this.#dealer[0], hasUsableAce(this.#player) ? 1 : 0];
  }
}

function drawCard(random: Generator): number {
  return DECK[random.integers(0, DECK.length)];
}

function hardSum(hand: readonly number[]): number {
  let sum = 0;
  for (const card of hand) sum += card;
  return sum;
}

function hasUsableAce(hand: readonly number[]): boolean {
  return hand.includes(1) && hardSum(hand) + 10 <= 21;
}

function handSum(hand: readonly number[]): number {
  return hardSum(hand) + (hasUsableAce(hand) ? 10 : 0);
}

/** The sum, or 0 if it is over 21. */
function score(hand: readonly number[]): number {
  const sum = handSum(hand);
  return sum > 21 ? 0 : sum;
}

function isNatural(hand: readonly number[]): boolean {
  return hand.length === 2 && hand.includes(1) && hand.includes(10);
}
