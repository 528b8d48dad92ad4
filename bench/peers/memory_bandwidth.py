"""How many times a second the weights of a model folder can be read at this machine's memory bandwidth: `memory_bandwidth.py <size>`.

The bandwidth is that of summing 1 GB of float32 with two threads, the best of several runs.
"""

import json
import os
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402

torch.set_num_threads(2)
weights = os.path.getsize(os.path.join(os.environ["GYMFORMER_BENCH_FOLDER"], sys.argv[1], "model.safetensors"))
data = torch.ones(1 << 28)
seconds = []
for _ in range(12):
    started = time.perf_counter()
    data.sum()
    seconds.append(time.perf_counter() - started)
bandwidth = 4 * data.numel() / min(seconds)
print(json.dumps({"tokensPerSecond": bandwidth / weights, "gigabytesPerSecond": bandwidth / 1e9}))
