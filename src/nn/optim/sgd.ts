// Stochastic gradient descent, as torch.optim.SGD has it.
//
//   g = g + weightDecay w        b = momentum b + (1 - dampening) g  (b = g at the first step)
//   w = w - lr (nesterov ? g + momentum b : b)

import type { Tensor } from '../../tensor/index.ts';
import { checkSetting, Optimizer, type OptimizerTarget, type UpdateRule } from './optimizer.ts';

/** Options of {@link SGD}; defaults as in PyTorch. */
export interface SGDOptions {
  /** Default 1e-3. */
  readonly learningRate?: number | undefined;
  /** Default 0: plain descent. */
  readonly momentum?: number | undefined;
  /** Default 0. */
  readonly dampening?: number | undefined;
  /** Nesterov's momentum (Sutskever et al. 2013); needs momentum, and no dampening. Default false. */
  readonly nesterov?: boolean | undefined;
  /** Adds `weightDecay * w` to the gradient. Default 0. */
  readonly weightDecay?: number | undefined;
}

/** Stochastic gradient descent, with momentum if wanted. */
export class SGD extends Optimizer {
  /** @throws Error for Nesterov without momentum, or with dampening. */
  constructor(parameters: OptimizerTarget, options: SGDOptions = {}) {
    const { learningRate = 1e-3, weightDecay = 0 } = options;
    super(parameters, { learningRate, weightDecay }, (decay) => sgdRule(options, decay));
  }
}

function sgdRule(options: SGDOptions, weightDecay: number): UpdateRule {
  const { momentum = 0, dampening = 0, nesterov = false } = options;
  checkSetting('momentum', momentum);
  checkSetting('dampening', dampening);
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new Error(`SGD: nesterov needs momentum above 0 and dampening 0, but they are ${momentum} and ${dampening}`);
  }
  return {
    moments: momentum === 0 ? [] : ['momentumBuffer'],
    scalarCount: 3,
    update(w, gradient, [buffer], [clip, rate, damped]): Tensor[] {
      const clipped = gradient.mul(clip!);
      const g = weightDecay === 0 ? clipped : clipped.add(w.mul(weightDecay));
      if (buffer === undefined) return [w.sub(g.mul(rate!))];
      const newBuffer = buffer.mul(momentum).add(g.mul(damped!));
      const change = nesterov ? newBuffer.mul(momentum).add(g) : newBuffer;
      return [w.sub(change.mul(rate!)), newBuffer];
    },
    setScalars(scalars, step, learningRate, clip) {
      scalars[0] = clip;
      scalars[1] = learningRate;
      scalars[2] = step === 1 ? 1 : 1 - dampening;
    },
  };
}
