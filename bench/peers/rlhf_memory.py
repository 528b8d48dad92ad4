"""Peak memory of TRL's experimental PPO trainer with four models of GPT-2 small's size, from the folders that bench/rlhf-memory.ts has
written: two iterations of 4 texts of 8 + 24 tokens, four passes of learning. No token ends a text. Where adapters are trained, the
reference is the policy without them, as TRL does by itself; critic and reward model are models of their own.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

TEXTS, PROMPT, TOKENS, ITERATIONS = 4, 8, 24, 2


def peak(adapters):
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedTokenizerFast
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    torch.manual_seed(0)
    torch.set_num_threads(2)
    folder = os.path.join(os.environ["GYMFORMER_BENCH_FOLDER"], "gpt2")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(folder + "-reward", "tokenizer.json"), pad_token="<pad>", eos_token="<unk>")
    tokenizer.padding_side = "left"
    queries = Dataset.from_dict({"input_ids": torch.randint(3, 50257, (100, PROMPT)).tolist()})

    def classifier():
        return AutoModelForSequenceClassification.from_pretrained(folder + "-reward", num_labels=1, dtype=torch.float32)

    config = PPOConfig(
        output_dir=tempfile.mkdtemp(), use_cpu=True, bf16=False, report_to="none", save_strategy="no", disable_tqdm=True,
        logging_steps=1000, per_device_train_batch_size=TEXTS, gradient_accumulation_steps=1, num_mini_batches=1, num_ppo_epochs=4,
        local_rollout_forward_batch_size=TEXTS, response_length=TOKENS, total_episodes=TEXTS * ITERATIONS,
        learning_rate=1e-5, temperature=1.0, kl_coef=0.05, num_sample_generations=0, gradient_checkpointing=False,
    )
    policy = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    policy.config.eos_token_id = policy.generation_config.eos_token_id = None
    lora = LoraConfig(r=8, lora_alpha=16, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True, task_type="CAUSAL_LM")
    trainer = PPOTrainer(
        args=config, processing_class=tokenizer, model=policy,
        ref_model=None if adapters else AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        reward_model=classifier(), value_model=classifier(), train_dataset=queries, eval_dataset=queries.select(range(8)),
        peft_config=lora if adapters else None,
    )
    trainer.train()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if len(sys.argv) > 1:
    print(peak(sys.argv[1] == "adapters"))
else:
    # A process each: the peak of one must not be that of the other.
    found = [
        float(subprocess.run([sys.executable, __file__, way], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1])
        for way in ("models", "adapters")
    ]
    print(json.dumps({"separate": found[0], "shared": found[1]}))
