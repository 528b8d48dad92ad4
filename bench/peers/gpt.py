"""One training step of a small GPT in eager PyTorch, in the manner of nanoGPT: `gpt.py [--steps N] [--threads N]`.

Four layers of width 128 with four heads, vocabulary 256, batch 32 x 64: 0.83 million parameters, the token table shared with the
head. Pre-norm blocks, exact GELU, scaled_dot_product_attention, AdamW as PyTorch picks it (foreach).
"""

import argparse
import json
import os
import resource
import statistics
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

LAYERS, WIDTH, HEADS, VOCABULARY, BATCH, TIME = 4, 128, 4, 256, 32, 64


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention, self.projection = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        batch, time_, width = x.shape
        heads = self.attention(self.norm_1(x)).split(width, dim=2)
        q, k, v = (h.view(batch, time_, HEADS, width // HEADS).transpose(1, 2) for h in heads)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.projection(y.transpose(1, 2).contiguous().view(batch, time_, width))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(TIME, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.tokens.weight
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                residual = name.endswith(("projection.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * LAYERS) ** 0.5 if residual else 0.02)

    def forward(self, ids, targets):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x).view(-1, WIDTH))  # batch * time rows
        return F.cross_entropy(logits, targets.view(-1))


parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()

torch.manual_seed(0)
torch.set_num_threads(options.threads)
model = Gpt()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1)
data = torch.randint(VOCABULARY, (BATCH, TIME + 1))
times, losses = [], []
for _ in range(options.steps):
    started = time.perf_counter()
    loss = model(data[:, :-1], data[:, 1:].contiguous())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    times.append(time.perf_counter() - started)
    losses.append(loss.item())
print(json.dumps({
    "msPerStep": 1000 * statistics.median(times[10:]),
    "peakMemory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "parameters": sum(p.numel() for p in model.parameters()),
    "firstLoss": losses[0],
    "lastLoss": losses[-1],
}))
