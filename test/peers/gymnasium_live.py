"""Plays every built-in environment here and in Python's Gymnasium side by side, over seeds that nobody has seen before.

    python test/peers/gymnasium_live.py [--seeds 4] [--steps 200] [--first-seed N]

Needs gymnasium==1.3.0 and numpy; run from the root of the repository. Actions sampled, observations, rewards, flags and
resets must be equal: integers and flags exactly, floats to the tolerances below. Prints one line an environment, and last
`N passed, N failed`.

Tolerances: sine and cosine differ in the last bit between C libraries, so a float32 observation may round the other way. Acrobot
swings chaotically and so carries such a bit further.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import warnings

# NumPy's AVX-512 sine and cosine differ from the C library's by up to 3 units in the last place; without them both sides agree.
os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "AVX512_SKX")
warnings.filterwarnings("ignore")

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402

gymnasium.logger.min_level = 50

# (kind, id, our arguments, Python's arguments)
CASES = [
    ("make", "CartPole-v0", {}, {}),
    ("make", "CartPole-v1", {}, {}),
    ("make", "CartPole-v1", {"suttonBartoReward": True}, {"sutton_barto_reward": True}),
    ("make", "MountainCar-v0", {}, {}),
    ("make", "MountainCarContinuous-v0", {}, {}),
    ("make", "Acrobot-v1", {}, {}),
    ("make", "Pendulum-v1", {}, {}),
    ("make", "Pendulum-v1", {"g": 9.81}, {"g": 9.81}),
    ("make", "FrozenLake-v1", {}, {}),
    ("make", "FrozenLake-v1", {"isSlippery": False}, {"is_slippery": False}),
    ("make", "FrozenLake8x8-v1", {}, {}),
    ("make", "Taxi-v4", {}, {}),
    ("make", "Taxi-v4", {"isRainy": True, "ficklePassenger": True}, {"is_rainy": True, "fickle_passenger": True}),
    ("make", "Blackjack-v1", {}, {}),
    ("make", "Blackjack-v1", {"natural": True, "sab": False}, {"natural": True, "sab": False}),
    ("make", "CliffWalking-v1", {}, {}),
    ("make", "CliffWalkingSlippery-v1", {}, {}),
    ("sync", "CartPole-v1", {}, {}),
    ("sync", "Pendulum-v1", {}, {}),
    ("sync", "FrozenLake-v1", {}, {}),
    ("sync", "Blackjack-v1", {}, {}),
    ("vectorEntryPoint", "CartPole-v1", {}, {}),
]
MODES = {"sync": "sync", "vectorEntryPoint": "vector_entry_point"}
ENVS = 3
TOLERANCE = {"Acrobot-v1": 1e-4}
# Ours computes the torque in float64, as Gymnasium does under NumPy 1. NumPy 2 keeps a float32 action times a Python float in
# float32, so that the same seed swings a little differently; given a float64 action it computes as NumPy 1.
DOUBLE_ACTIONS = {"Pendulum-v1"}
DEFAULT_TOLERANCE = 1e-6


def rollout(kind, name, kwargs, seed, steps):
    if kind == "make":
        env = gymnasium.make(name, **kwargs)
    else:
        env = gymnasium.make_vec(name, num_envs=ENVS, vectorization_mode=MODES[kind], **kwargs)
    first, _ = env.reset(seed=seed)
    env.action_space.seed(seed)
    rows = []
    for _ in range(steps):
        action = env.action_space.sample()
        observation, reward, terminated, truncated, _ = env.step(action.astype(np.float64) if name in DOUBLE_ACTIONS else action)
        # Copied: vector environments may hand out one array again and again.
        row = {"action": action, "observation": np.array(observation), "reward": np.array(reward),
               "terminated": np.array(terminated), "truncated": np.array(truncated)}
        if kind == "make" and (terminated or truncated):
            row["reset"] = np.array(env.reset()[0])
        rows.append(row)
    env.close()
    return {"reset": np.array(first), "rows": rows}


def difference(ours, theirs, tolerance):
    """The first place where the two differ, or None."""
    pairs = [("reset", ours["reset"], theirs["reset"])]
    for step, (a, b) in enumerate(zip(ours["rows"], theirs["rows"], strict=True)):
        if a.keys() != b.keys():
            return f"step {step}: ours has {sorted(a)}, Gymnasium's {sorted(b)}"
        pairs += [(f"step {step}, {key}", a[key], b[key]) for key in b]
    for place, a, b in pairs:
        # Flat on both sides: our array values are flat typed arrays.
        a, b = np.asarray(a, dtype=np.float64).ravel(), np.asarray(b, dtype=np.float64).ravel()
        if a.shape != b.shape or not np.allclose(a, b, rtol=tolerance, atol=tolerance):
            return f"{place}: ours {a.tolist()}, Gymnasium's {b.tolist()}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    print(f"seeds {options.first_seed} to {options.first_seed + options.seeds - 1}, {options.steps} steps each")
    node = subprocess.Popen(["node", "--import", "tsx", "test/peers/rollout.ts"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    passed = failed = 0
    for kind, name, our_kwargs, kwargs in CASES:
        found = None
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            request = {"kind": kind, "id": name, "kwargs": our_kwargs, "seed": seed, "steps": options.steps}
            print(json.dumps(request), file=node.stdin, flush=True)
            answer = node.stdout.readline()
            if not answer:
                sys.exit(f"our side ended while playing {request}")
            theirs = rollout(kind, name, kwargs, seed, options.steps)
            found = difference(json.loads(answer), theirs, TOLERANCE.get(name, DEFAULT_TOLERANCE))
            if found is not None:
                found = f"seed {seed}, {found}"
                break
        arguments = " ".join(f"{key}={value}" for key, value in our_kwargs.items())
        print(f"{'ok    ' if found is None else 'FAILED'}  {kind} {name} {arguments}".rstrip() + (f": {found}" if found else ""))
        passed, failed = passed + (found is None), failed + (found is not None)
    node.stdin.close()
    node.wait()
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
