"""Learning from preferences by TRL's trainers, on what bench/preference-data.ts has written: `preferences.py reward`, `preferences.py dpo`
or `preferences.py dpo precompute`.

Settings are TRL's defaults but for those that would slow it down here: no gradient checkpointing, float32, hardly any logs.
"""

import json
import os
import resource
import sys
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback, logging,
)
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer  # noqa: E402

EPOCHS = 2

logging.set_verbosity_error()
torch.set_num_threads(2)
base = os.environ["GYMFORMER_BENCH_FOLDER"]
kind, precompute = sys.argv[1], "precompute" in sys.argv
folder = os.path.join(base, "preference-reward" if kind == "reward" else "preference-policy")
tokenizer = AutoTokenizer.from_pretrained(folder)
with open(os.path.join(base, "preferences.json"), encoding="utf-8") as file:
    texts = json.load(file)


class Clock(TrainerCallback):
    def __init__(self):
        self.started = time.perf_counter()
        self.ends = []

    def on_step_end(self, args, state, control, **kwargs):
        self.ends.append(time.perf_counter())


def timed(name, batch):
    rows = texts[name]
    settings = dict(
        output_dir=tempfile.mkdtemp(), use_cpu=True, bf16=False, gradient_checkpointing=False, report_to="none", save_strategy="no",
        disable_tqdm=True, logging_steps=1000, per_device_train_batch_size=batch, num_train_epochs=EPOCHS,
    )
    clock = Clock()
    if kind == "reward":
        model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32)
        config, trainer = RewardConfig(**settings), RewardTrainer
    else:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        config, trainer = DPOConfig(**settings, precompute_ref_log_probs=precompute), DPOTrainer
    trainer(
        model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer, callbacks=[clock],
    ).train()
    last = len(clock.ends) // EPOCHS
    return len(rows) / (clock.ends[-1] - clock.ends[-1 - last]), clock.ends[-1] - clock.started


pairs8, total8 = timed("pairs", 8)
found = {"pairs8": pairs8, "pairs32": timed("pairs", 32)[0]}
if kind == "reward":
    found["strangers8"] = timed("strangers", 8)[0]
else:
    found["total8"] = total8
print(json.dumps({**found, "peakMemory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
