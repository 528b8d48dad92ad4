"""One training step of a model folder in transformers, eager: `lm_train.py <size> <batch> <time> <warmup> <steps>`.

The folder is <size> in GYMFORMER_BENCH_FOLDER. AdamW as PyTorch picks it (foreach). Attention is transformers' default (sdpa).
"""

import json
import os
import resource
import statistics
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

size, batch, length, warmup, steps = sys.argv[1], *map(int, sys.argv[2:])
torch.manual_seed(0)
torch.set_num_threads(2)
model = AutoModelForCausalLM.from_pretrained(os.path.join(os.environ["GYMFORMER_BENCH_FOLDER"], size), dtype=torch.float32)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.01)
ids = torch.randint(model.config.vocab_size, (batch, length))
times, losses = [], []
for _ in range(warmup + steps):
    started = time.perf_counter()
    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    times.append(time.perf_counter() - started)
    losses.append(loss.item())
print(json.dumps({
    "msPerStep": 1000 * statistics.median(times[warmup:]),
    "peakMemory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "firstLoss": losses[0],
    "lastLoss": losses[-1],
}))
