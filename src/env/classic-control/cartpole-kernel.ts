// The bridge to cartpole-kernel.wat, which steps many CartPoles: its memory, and views of what lies there.

import {
  compileKernel,
  instantiateKernel,
  kernelMemory,
  type WasmMemory,
  type WasmModule,
} from '../../random/wasm-kernel.ts';
import { CARTPOLE_KERNEL } from './cartpole-kernel-bytes.ts';

/** What stays the same for all steps of a {@link CartPoleKernel}. */
export interface CartPoleKernelSettings {
  readonly numEnvs: number;
  /** Steps after which an episode is truncated; Infinity for never. */
  readonly maxEpisodeSteps: number;
  /** The reward of a step that does not end in a fall. */
  readonly stepReward: number;
  /** The reward of a step that does. */
  readonly fallReward: number;
}

/** Float32 observations, float64 rewards, and a byte for each flag. */
export type CartPoleResults = [
  observations: Float32Array<ArrayBuffer>,
  rewards: Float64Array<ArrayBuffer>,
  terminations: Uint8Array<ArrayBuffer>,
  truncations: Uint8Array<ArrayBuffer>,
];

interface Exports {
  readonly step: (endedCount: number, low: number, span: number) => number;
  readonly restart: (count: number, low: number, span: number) => void;
}

// One compiled program for all; each kernel is an instance of it, with memory of its own.
let compiled: WasmModule | undefined;

/** The states of `numEnvs` cart-poles, in memory of their own, and the program that moves them. All zero at first. */
export class CartPoleKernel {
  /** The present states: x, xDot, theta and thetaDot of all cart-poles, a row each. */
  readonly states: readonly [x: Float64Array, xDot: Float64Array, theta: Float64Array, thetaDot: Float64Array];
  /** Write here before {@link step}, 0 or 1 each. */
  readonly actions: Int32Array;
  /** The first entries, as many as {@link step} said, are the cart-poles whose episodes it ended, in order. */
  readonly ended: Int32Array;
  /**
   * Write random numbers in [0, 1) here before anything is restarted: `[4, count]` for `count` cart-poles. A state is
   * `low + span` times such a number.
   */
  readonly uniform: Float64Array;
  /**
   * Moves all cart-poles by their actions, except that the first `endedCount` of `ended` begin new episodes, with reward 0.
   * Returns how many episodes that ended, and puts those cart-poles in `ended`.
   */
  readonly step: (endedCount: number, low: number, span: number) => number;
  /** Begins new episodes for the first `count` cart-poles of `ended`. */
  readonly restart: (count: number, low: number, span: number) => void;

  readonly #numEnvs: number;
  readonly #memory: WasmMemory;
  /** Where the results lie, one after the other, and where they end. */
  readonly #places: {
    readonly [Result in 'observations' | 'rewards' | 'terminations' | 'truncations' | 'end']: number;
  };

  constructor(settings: CartPoleKernelSettings) {
    const { numEnvs } = settings;
    // The kernel takes two cart-poles at a time.
    const room = numEnvs + (numEnvs & 1);
    let end = 0;
    const place = (bytes: number): number => {
      end += bytes;
      return end - bytes;
    };
    // Widest types first, so that each array begins at a multiple of its elements' size.
    const places = {
      x: place(8 * room),
      xDot: place(8 * room),
      theta: place(8 * room),
      thetaDot: place(8 * room),
      sin: place(8 * room),
      cos: place(8 * room),
      uniform: place(32 * numEnvs),
      steps: place(4 * room),
      actions: place(4 * room),
      ended: place(4 * room),
      observations: place(16 * room),
      rewards: place(8 * room),
      terminations: place(room),
      truncations: place(room),
    };
    const memory = kernelMemory(end);
    compiled ??= compileKernel(CARTPOLE_KERNEL);
    const { step, restart } = instantiateKernel<Exports>(compiled, {
      Math: { sin: Math.sin, cos: Math.cos },
      cartpole: { memory, ...settings, ...places },
    });
    this.step = step;
    this.restart = restart;
    const { buffer } = memory;
    const row = (at: number): Float64Array => new Float64Array(buffer, at, numEnvs);
    this.states = [row(places.x), row(places.xDot), row(places.theta), row(places.thetaDot)];
    this.actions = new Int32Array(buffer, places.actions, numEnvs);
    this.ended = new Int32Array(buffer, places.ended, numEnvs);
    this.uniform = new Float64Array(buffer, places.uniform, 4 * numEnvs);
    this.#numEnvs = numEnvs;
    this.#memory = memory;
    this.#places = { ...places, end };
  }

  /** All of its memory, which is all that it remembers. A copy; may be set. */
  get content(): Uint8Array {
    return new Uint8Array(this.#memory.buffer.slice(0, this.#places.end));
  }

  set content(content: Uint8Array) {
    if (content.length !== this.#places.end)
      throw new RangeError(`${content.length} bytes are not those of ${this.#numEnvs} cart-poles`);
    new Uint8Array(this.#memory.buffer).set(content);
  }

  /**
   * Copies of what the last step wrote: observations `[numEnvs, 4]`, the others `[numEnvs]`. They share one piece of memory,
   * because allocation is a good part of a step's cost. After {@link restart} only the observations mean something.
   */
  results(): CartPoleResults {
    const numEnvs = this.#numEnvs;
    const { observations: start, rewards, terminations, truncations, end } = this.#places;
    const copy = this.#memory.buffer.slice(start, end);
    return [
      new Float32Array(copy, 0, 4 * numEnvs),
      new Float64Array(copy, rewards - start, numEnvs),
      new Uint8Array(copy, terminations - start, numEnvs),
      new Uint8Array(copy, truncations - start, numEnvs),
    ];
  }
}
