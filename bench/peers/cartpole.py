"""Gymnasium's CartPole through make's default wrappers, random actions."""

import json
import time

import gymnasium


def play(steps):
    env = gymnasium.make("CartPole-v1")
    env.action_space.seed(1)
    env.reset(seed=1)
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()


STEPS = 200_000
play(20_000)
started = time.perf_counter()
play(STEPS)
print(json.dumps({"stepsPerSecond": STEPS / (time.perf_counter() - started)}))
