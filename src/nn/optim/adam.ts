// Adam (Kingma & Ba 2015, arXiv 1412.6980) and AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101), as torch.optim has them.
//
//   m = b1 m + (1 - b1) g          v = b2 v + (1 - b2) g^2
//   w = w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
//
// In the program, g is the gradient before clipping by c, and the corrections are folded into scalars:
//   m = b1 m + [(1 - b1) c] g      v = b2 v + [(1 - b2) c^2] g^2      w = w - [rate] m / (sqrt(v) + [e])
// with e = eps sqrt(1 - b2^t) and rate = lr sqrt(1 - b2^t) / (1 - b1^t).

import type { Tensor } from '../../tensor/index.ts';
import { checkSetting, Optimizer, type OptimizerTarget, type UpdateRule } from './optimizer.ts';

/** Options of {@link Adam} and {@link AdamW}; defaults as in PyTorch. */
export interface AdamOptions {
  /** Default 1e-3. */
  readonly learningRate?: number | undefined;
  /** Decay of the running means of the gradient and of its square. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number] | undefined;
  /** Added to the denominator. Default 1e-8. */
  readonly epsilon?: number | undefined;
  /** AdamW: shrinks weights by `learningRate * weightDecay` a step, default 0.01. Adam: adds `weightDecay * w` to the gradient, default 0. */
  readonly weightDecay?: number | undefined;
}

type Decay = 'decoupled' | 'l2';

/** Adam; `weightDecay` is L2 regularisation. */
export class Adam extends Optimizer {
  constructor(parameters: OptimizerTarget, options: AdamOptions = {}) {
    const { learningRate = 1e-3, weightDecay = 0 } = options;
    super(parameters, { learningRate, weightDecay }, (decay) => adamRule(options, decay, 'l2'));
  }
}

/** Adam with decoupled weight decay. */
export class AdamW extends Optimizer {
  constructor(parameters: OptimizerTarget, options: AdamOptions = {}) {
    const { learningRate = 1e-3, weightDecay = 0.01 } = options;
    super(parameters, { learningRate, weightDecay }, (decay) => adamRule(options, decay, 'decoupled'));
  }
}

function adamRule(options: AdamOptions, weightDecay: number, kind: Decay): UpdateRule {
  const { betas = [0.9, 0.999], epsilon = 1e-8 } = options;
  const [beta1, beta2] = betas;
  checkSetting('betas[0]', beta1, 1);
  checkSetting('betas[1]', beta2, 1);
  checkSetting('epsilon', epsilon);
  const shrinks = kind === 'decoupled' && weightDecay !== 0;
  const regularised = kind === 'l2' && weightDecay !== 0;
  return {
    moments: ['expAvg', 'expAvgSq'],
    scalarCount: 6,
    update(w, gradient, [m, v], [first, second, rate, e, keep, clip]): Tensor[] {
      // With L2 the gradient cannot wait for its clipping, and `first` and `second` come without it.
      const g = regularised ? gradient.mul(clip!).add(w.mul(weightDecay)) : gradient;
      const newM = m!.mul(beta1).add(g.mul(first!));
      const newV = v!.mul(beta2).add(g.mul(g).mul(second!));
      const change = newM.div(newV.sqrt().add(e!)).mul(rate!);
      return [(shrinks ? w.mul(keep!) : w).sub(change), newM, newV];
    },
    setScalars(scalars, step, learningRate, clip) {
      const correction1 = 1 - beta1 ** step;
      const correction2 = Math.sqrt(1 - beta2 ** step);
      const folded = regularised ? 1 : clip;
      scalars[0] = (1 - beta1) * folded;
      scalars[1] = (1 - beta2) * folded * folded;
      scalars[2] = (learningRate * correction2) / correction1;
      scalars[3] = epsilon * correction2;
      scalars[4] = 1 - learningRate * weightDecay;
      scalars[5] = clip;
    },
  };
}
