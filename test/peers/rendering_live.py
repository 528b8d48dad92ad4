"""Draws every built-in environment here and with Python's Gymnasium side by side, in the same states, and compares the frames.

    python test/peers/rendering_live.py [--seeds 3] [--first-seed N] [--pictures FOLDER]

Needs gymnasium==1.3.0, pygame-ce and scikit-image; run from the root of the repository. The measure is structural similarity
(Wang et al. 2004): 1 for equal pictures. Classic control is drawn from the same geometry. Toy text is drawn with sprites of our own
in Gymnasium's layout, so its floors are what such sprites come to: they catch a figure in the wrong place, not a finer stroke.
With --pictures, each pair is written as a PNG, ours left. Prints one line an environment, and last `N passed, N failed`.
"""

import argparse
import base64
import json
import os
import random
import subprocess
import sys
import warnings

os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_AUDIODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
warnings.filterwarnings("ignore")

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402
from skimage.io import imsave  # noqa: E402
from skimage.metrics import structural_similarity  # noqa: E402

gymnasium.logger.min_level = 50

# (id, the least similarity that passes, after how many steps to look)
CASES = [
    ("CartPole-v1", 0.95, [1, 8, 16]),
    ("MountainCar-v0", 0.95, [1, 40, 120]),
    ("MountainCarContinuous-v0", 0.95, [1, 40, 120]),
    ("Acrobot-v1", 0.95, [1, 10, 40]),
    ("Pendulum-v1", 0.95, [1, 10, 40]),
    ("FrozenLake-v1", 0.5, [1, 2, 5]),
    ("FrozenLake8x8-v1", 0.5, [1, 5, 15]),
    ("CliffWalking-v1", 0.5, [1, 5, 15]),
    ("Taxi-v4", 0.45, [1, 5, 15]),
    ("Blackjack-v1", 0.8, [1, 2, 3]),
]


def frames(name, seed, steps):
    env = gymnasium.make(name, render_mode="rgb_array")
    env.reset(seed=seed)
    env.action_space.seed(seed)
    shown = [env.render()]
    for step in range(1, max(steps) + 1):
        action = env.action_space.sample()
        _, _, terminated, truncated, _ = env.step(action.astype(np.float64) if name == "Pendulum-v1" else action)
        # Gymnasium's Taxi looks where it went only if each step is drawn.
        frame = env.render()
        if step in steps:
            shown.append(frame)
        if terminated or truncated:
            env.reset()
    env.close()
    return shown


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument("--pictures")
    options = parser.parse_args()
    print(f"seeds {options.first_seed} to {options.first_seed + options.seeds - 1}")
    node = subprocess.Popen(["node", "--import", "tsx", "test/peers/frames.ts"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    passed = failed = 0
    for name, floor, steps in CASES:
        similarities = []
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            print(json.dumps({"id": name, "kwargs": {}, "seed": seed, "steps": steps}), file=node.stdin, flush=True)
            answer = node.stdout.readline()
            if not answer:
                sys.exit(f"our side ended while drawing {name} with seed {seed}")
            for step, ours, theirs in zip([0, *steps], json.loads(answer), frames(name, seed, steps), strict=True):
                frame = np.frombuffer(base64.b64decode(ours["data"]), np.uint8).reshape(ours["shape"])
                assert frame.shape == theirs.shape, f"{name}: ours is {frame.shape}, Gymnasium's {theirs.shape}"
                similarities.append(structural_similarity(frame, theirs, channel_axis=-1))
                if options.pictures:
                    os.makedirs(options.pictures, exist_ok=True)
                    path = os.path.join(options.pictures, f"{name}-{seed}-{step}.png")
                    imsave(path, np.concatenate([frame, theirs], axis=1), check_contrast=False)
        ok = min(similarities) >= floor
        print(f"{'ok    ' if ok else 'FAILED'}  {name}: similarity {min(similarities):.3f} at least, "
              f"{np.mean(similarities):.3f} on average, of {len(similarities)} frames; {floor} needed")
        passed, failed = passed + ok, failed + (not ok)
    node.stdin.close()
    node.wait()
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
