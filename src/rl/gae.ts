// Generalised advantage estimation. Source: Schulman et al. 2016, arXiv 1506.02438, equations 11 to 16.

/** What happened, time-major: entry `t * numEnvs + i` is step `t` of environment `i`. */
export interface Trajectories {
  readonly numEnvs: number;
  readonly rewards: ArrayLike<number>;
  /** V(s_t) */
  readonly values: ArrayLike<number>;
  /** V(s_t+1) of the same episode: of its last observation where it was truncated, and 0 where it terminated. */
  readonly nextValues: ArrayLike<number>;
  /** Not 0 where the episode ended with this step, terminated or truncated: nothing flows back over it. */
  readonly ended: ArrayLike<number>;
}

export interface Advantages {
  /** `A_t = delta_t + gamma lambda A_t+1` with `delta_t = r_t + gamma V(s_t+1) - V(s_t)`. */
  readonly advantages: Float32Array;
  /** What the critic learns: `A_t + V(s_t)`, the TD(lambda) return. */
  readonly returns: Float32Array;
}

/**
 * @param gamma discount, 0 to 1
 * @param lambda 0 trusts the critic (one-step advantages), 1 the rewards (Monte Carlo)
 */
export function gae(trajectories: Trajectories, gamma: number, lambda: number): Advantages {
  const { numEnvs, rewards, values, nextValues, ended } = trajectories;
  const advantages = new Float32Array(rewards.length);
  const returns = new Float32Array(rewards.length);
  for (let env = 0; env < numEnvs; env++) {
    let advantage = 0;
    for (let i = rewards.length - numEnvs + env; i >= 0; i -= numEnvs) {
      const delta = rewards[i]! + gamma * nextValues[i]! - values[i]!;
      advantage = ended[i] ? delta : delta + gamma * lambda * advantage;
      advantages[i] = advantage;
      returns[i] = advantage + values[i]!;
    }
  }
  return { advantages, returns };
}
