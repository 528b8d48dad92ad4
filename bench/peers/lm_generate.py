"""Tokens a second of transformers' generate with its cache: `lm_generate.py <size> <batch> <prompt> <tokens> <repeats>`.

The model folder is <size> in GYMFORMER_BENCH_FOLDER. Tokens are drawn from the whole distribution, and none ends a text.
"""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

size, batch, prompt, tokens, repeats = sys.argv[1], *map(int, sys.argv[2:])
torch.manual_seed(0)
torch.set_num_threads(2)
model = AutoModelForCausalLM.from_pretrained(os.path.join(os.environ["GYMFORMER_BENCH_FOLDER"], size), dtype=torch.float32).eval()
model.generation_config.eos_token_id = None
ids = torch.randint(model.config.vocab_size, (batch, prompt))
mask = torch.ones_like(ids)
seconds = []
for _ in range(repeats + 1):
    started = time.perf_counter()
    out = model.generate(ids, attention_mask=mask, do_sample=True, top_k=0, max_new_tokens=tokens, pad_token_id=0)
    seconds.append(time.perf_counter() - started)
    assert out.shape == (batch, prompt + tokens), out.shape
print(json.dumps({"tokensPerSecond": batch * tokens / statistics.median(seconds[1:]), "firstSeconds": seconds[0]}))
