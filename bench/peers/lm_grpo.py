"""One iteration of TRL's GRPOTrainer on the small model folder that bench/lm-grpo.ts has written: `lm_grpo.py`.

8 completions (TRL's default), then 64, of 48 tokens, in groups of 8, judged by the number of different characters, one pass of learning. No
token ends a text. What the trainer writes down is kept to a minimum.
"""

import json
import os
import resource
import statistics
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

GROUP, PROMPT, TOKENS, WARMUP, ITERATIONS = 8, 8, 48, 2, 8

torch.manual_seed(0)
torch.set_num_threads(2)
folder = os.path.join(os.environ["GYMFORMER_BENCH_FOLDER"], "small")
tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(folder, "tokenizer.json"), pad_token="<pad>", eos_token="<eos>")
tokenizer.padding_side = "left"
draws = torch.randint(253, (1000, PROMPT)).tolist()
prompts = Dataset.from_dict({"prompt": ["".join(chr(0x4E00 + i) for i in row) for row in draws]})


class Clock(TrainerCallback):
    def __init__(self):
        self.ends = []

    def on_step_end(self, args, state, control, **kwargs):
        self.ends.append(time.perf_counter())


def seconds(episodes):
    clock = Clock()
    config = GRPOConfig(
        output_dir=tempfile.mkdtemp(), use_cpu=True, bf16=False, report_to="none", save_strategy="no", disable_tqdm=True,
        logging_steps=1000, per_device_train_batch_size=episodes, num_generations=GROUP, max_completion_length=TOKENS, num_iterations=1,
        beta=0.0, learning_rate=1e-4, temperature=1.0, max_steps=WARMUP + ITERATIONS, gradient_checkpointing=False,
        generation_kwargs={"min_new_tokens": TOKENS},
    )
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), args=config, train_dataset=prompts,
        processing_class=tokenizer, callbacks=[clock],
        reward_funcs=lambda completions, **kwargs: [len(set(text)) / TOKENS for text in completions],
    )
    trainer.train()
    times = [b - a for a, b in zip(clock.ends, clock.ends[1:])]
    return statistics.median(times[WARMUP - 1:])


print(json.dumps({
    "seconds8": seconds(8),
    "seconds64": seconds(64),
    "peakMemory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
