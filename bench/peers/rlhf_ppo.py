"""One iteration of TRL's experimental PPO trainer on the small model folders that bench/rlhf-ppo.ts has written: `rlhf_ppo.py`.

8 texts, then 64, of 8 + 48 tokens; policy, reference, critic and reward model; four passes of learning. No token ends a text.
"""

import json
import os
import resource
import statistics
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedTokenizerFast, TrainerCallback,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer  # noqa: E402

PROMPT, TOKENS, WARMUP, ITERATIONS = 8, 48, 2, 6

torch.manual_seed(0)
torch.set_num_threads(2)
folder = os.path.join(os.environ["GYMFORMER_BENCH_FOLDER"], "small")
tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(folder + "-reward", "tokenizer.json"), pad_token="<pad>", eos_token="<unk>")
tokenizer.padding_side = "left"
queries = Dataset.from_dict({"input_ids": torch.randint(3, 256, (1000, PROMPT)).tolist()})


class Clock(TrainerCallback):
    def __init__(self):
        self.ends = []

    def on_step_end(self, args, state, control, **kwargs):
        self.ends.append(time.perf_counter())


def classifier():
    return AutoModelForSequenceClassification.from_pretrained(folder + "-reward", num_labels=1, dtype=torch.float32)


def seconds(episodes):
    clock = Clock()
    config = PPOConfig(
        output_dir=tempfile.mkdtemp(), use_cpu=True, bf16=False, report_to="none", save_strategy="no", disable_tqdm=True,
        logging_steps=1000, per_device_train_batch_size=episodes, gradient_accumulation_steps=1, num_mini_batches=1, num_ppo_epochs=4,
        local_rollout_forward_batch_size=episodes, response_length=TOKENS, total_episodes=episodes * (WARMUP + ITERATIONS),
        learning_rate=1e-5, temperature=1.0, kl_coef=0.05, num_sample_generations=0, gradient_checkpointing=False,
    )
    policy = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    policy.config.eos_token_id = policy.generation_config.eos_token_id = None
    trainer = PPOTrainer(
        args=config, processing_class=tokenizer, model=policy, ref_model=AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        reward_model=classifier(), value_model=classifier(), train_dataset=queries, eval_dataset=queries.select(range(8)), callbacks=[clock],
    )
    trainer.train()
    times = [b - a for a, b in zip(clock.ends, clock.ends[1:])]
    return statistics.median(times[WARMUP - 1:])


few, many = seconds(8), seconds(64)
print(json.dumps({
    "seconds8": few, "shared8": few, "seconds64": many, "shared64": many,
    "peakMemory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
