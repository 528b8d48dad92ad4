"""Stable-Baselines3's PPO: `ppo_sb3.py [--config cleanrl|zoo] [--total-timesteps N] [--seed S] [--evaluate EPISODES]`.

`cleanrl` takes the hyper-parameters of CleanRL's ppo.py; `zoo` those of rl-baselines3-zoo's hyperparams/ppo.yml for CartPole-v1.
"""

import argparse
import json
import resource
import time

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

CONFIGS = {
    "cleanrl": (4, lambda steps: {
        "n_steps": 128, "batch_size": 128, "n_epochs": 4, "gamma": 0.99, "gae_lambda": 0.95, "clip_range": 0.2,
        "clip_range_vf": 0.2, "ent_coef": 0.01, "vf_coef": 0.5, "max_grad_norm": 0.5, "learning_rate": lambda left: 2.5e-4 * left,
    }),
    "zoo": (8, lambda steps: {
        "n_steps": 32, "batch_size": 256, "n_epochs": 20, "gamma": 0.98, "gae_lambda": 0.8, "ent_coef": 0.0,
        "learning_rate": lambda left: 1e-3 * left, "clip_range": lambda left: 0.2 * left,
    }),
}

parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="CartPole-v1")
parser.add_argument("--config", choices=CONFIGS, default="cleanrl")
parser.add_argument("--total-timesteps", type=int, default=102_400)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--evaluate", type=int, default=0)
parser.add_argument("--threads", type=int, default=1)
options = parser.parse_args()

torch.set_num_threads(options.threads)
envs_n, config = CONFIGS[options.config]
envs = make_vec_env(options.env_id, n_envs=envs_n, seed=options.seed)
model = PPO("MlpPolicy", envs, seed=options.seed, device="cpu", **config(options.total_timesteps))
started = time.perf_counter()
model.learn(options.total_timesteps)
measured = {
    "stepsPerSecond": options.total_timesteps / (time.perf_counter() - started),
    "peakMemory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}
if options.evaluate > 0:
    returns, _ = evaluate_policy(model, envs, n_eval_episodes=options.evaluate, return_episode_rewards=True)
    measured["lastReturn"] = float(np.mean(returns))
print(json.dumps(measured))
