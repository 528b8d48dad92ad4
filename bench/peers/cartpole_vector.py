"""Gymnasium's own vector CartPole (NumPy): `cartpole_vector.py [environments]`."""

import json
import sys
import time

import gymnasium

envs_n = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
COUNT = 3_000

envs = gymnasium.make_vec("CartPole-v1", num_envs=envs_n, vectorization_mode="vector_entry_point")
envs.action_space.seed(1)
envs.reset(seed=1)
batches = [envs.action_space.sample() for _ in range(64)]


def sampling(count):
    started = time.perf_counter()
    for _ in range(count):
        envs.step(envs.action_space.sample())
    return time.perf_counter() - started


def given(count):
    started = time.perf_counter()
    for step in range(count):
        envs.step(batches[step % len(batches)])
    return time.perf_counter() - started


sampling(100)
given(100)
print(json.dumps({
    "stepsPerSecond": COUNT * envs_n / sampling(COUNT),
    "stepsPerSecondPresampled": COUNT * envs_n / given(COUNT),
}))
