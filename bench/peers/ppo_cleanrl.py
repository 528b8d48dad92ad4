"""CleanRL's ppo.py, unchanged on disk, under Gymnasium 1.x: `ppo_cleanrl.py [--env-id ...] [--total-timesteps N] [--seed S]`.

CLEANRL_PPO is the path of cleanrl/ppo.py in a checkout of https://github.com/vwxyzjn/cleanrl (the package of that name on PyPI
is of 2021 and needs the old gym). The script is written for Gymnasium 0.29. What changed since is supplied from outside:

- vector environments reset in the step that ends an episode, as 0.29 did (1.x: in the step after);
- `final_info` is a list of infos again, which 1.x made a dict of arrays;
- `tyro`, the script's argument parser, is replaced by the few lines below, so that it need not be installed.

PyTorch gets one thread: on networks this small a second only costs time.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import types
from pathlib import Path

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

episodic_returns = []


class OldSyncVectorEnv(SyncVectorEnv):
    """A vector environment that behaves as Gymnasium 0.29's."""

    def __init__(self, env_fns, **kwargs):
        super().__init__(env_fns, autoreset_mode=AutoresetMode.SAME_STEP, **kwargs)

    def step(self, actions):
        observations, rewards, terminations, truncations, infos = super().step(actions)
        if "final_info" in infos:
            ended = infos["final_info"]["episode"]
            finished = infos["final_info"]["_episode"]
            infos["final_info"] = [
                {"episode": {"r": ended["r"][i], "l": ended["l"][i]}} if finished[i] else None for i in range(self.num_envs)
            ]
            episodic_returns.extend(float(ended["r"][i]) for i in np.flatnonzero(finished))
        return observations, rewards, terminations, truncations, infos


parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="CartPole-v1")
parser.add_argument("--total-timesteps", type=int, default=102_400)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--threads", type=int, default=1)
options = parser.parse_args()

script = Path(os.environ["CLEANRL_PPO"]).resolve()
torch.set_num_threads(options.threads)
gymnasium.vector.SyncVectorEnv = OldSyncVectorEnv


def parse(args_class):
    return args_class(env_id=options.env_id, total_timesteps=options.total_timesteps, seed=options.seed, cuda=False)


sys.modules["tyro"] = types.SimpleNamespace(cli=parse)
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)  # it writes TensorBoard files to ./runs
    code = compile(script.read_text(), str(script), "exec")
    variables = {"__name__": "__main__", "__file__": str(script)}
    exec(code, variables)
    seconds = time.time() - variables["start_time"]  # the script's own clock: imports and set-up do not count

steps = options.total_timesteps // 512 * 512  # whole iterations of 4 environments x 128 steps
print(json.dumps({
    "stepsPerSecond": steps / seconds,
    "lastReturn": float(np.mean(episodic_returns[-100:])),
    "peakMemory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
