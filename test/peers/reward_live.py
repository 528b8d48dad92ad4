"""Opens reward models of ours with transformers' AutoModelForSequenceClassification, and the other way round.

    python test/peers/reward_live.py [--rounds 2] [--first-seed N]

Needs torch, transformers and peft (requirements.txt); run from the root of the repository. We make a reward model, normalise its scores and
save it; Python opens the folder, tokenizes the texts with its tokenizer and must find the same scores, in batches and one by one. Then
Python saves it, and we open that. Scores must be equal to the tolerance below, relative to the largest. GPT-2's scores are those of the
model as it is; Llama's and Qwen 2's, whose last norms have no bias, those plus config.json's reward_bias. Then the same with adapters and
a head over a language model's own weights, which PEFT opens and saves; their bias is in the metadata of their file. Prints one line a case, and
last `N passed, N failed`.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
import transformers  # noqa: E402
from peft import PeftModel  # noqa: E402
from safetensors import safe_open  # noqa: E402
from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

TOLERANCE = 1e-4
PAD = 1
WORDS = "the a old river ran under bright stone bridges, and nobody said anything <|end|>".split()


def draw_config(kind, rng):
    common = dict(model_type=kind, vocab_size=260, initializer_range=0.3)
    if kind == "gpt2":
        return dict(common, n_positions=128, n_embd=16, n_layer=rng.choice([1, 2]), n_head=rng.choice([1, 2]))
    return dict(common, hidden_size=16, intermediate_size=rng.randrange(8, 40), num_hidden_layers=rng.choice([1, 2]),
                num_attention_heads=4, num_key_value_heads=rng.choice([1, 2, 4]), max_position_embeddings=128)


def scores_of(folder, texts):
    """In one batch, and one by one."""
    model, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    if wrong := {key: value for key, value in info.items() if value}:
        raise RuntimeError(f"transformers opens ours with {wrong}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return model, tokenizer, *scored(model, tokenizer, getattr(model.config, "reward_bias", 0), texts)


def scores_of_adapters(base, folder, texts):
    """The same of adapters and a head, over the language model that they belong to."""
    model = PeftModel.from_pretrained(AutoModelForSequenceClassification.from_pretrained(base, num_labels=1), folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with safe_open(os.path.join(folder, "adapter_model.safetensors"), "pt") as file:
        bias = float(file.metadata()["reward_bias"])
    return model, tokenizer, *scored(model, tokenizer, bias, texts)


def scored(model, tokenizer, bias, texts):
    with torch.no_grad():
        together = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
        alone = torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in texts])
    return bias, together.flatten() + bias, alone.flatten() + bias


def difference(what, ours, theirs):
    ours = torch.tensor(ours)
    if (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max():
        return None
    return f"{what}: ours {ours[:4].tolist()}..., theirs {theirs[:4].tolist()}..."


def play(node, kind, seed, adapters):
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(1, 12))) for _ in range(rng.randrange(3, 20))]
    mean, std = rng.uniform(-3, 3), rng.uniform(0.3, 2)
    request = dict(seed=seed, texts=texts, mean=mean, std=std)

    def ask(**more):
        print(json.dumps({**request, **more}), file=node.stdin, flush=True)
        line = node.stdout.readline()
        if not line:
            sys.exit(f"our side ended while it answered {more}")
        return json.loads(line)

    with tempfile.TemporaryDirectory() as folder:
        ours_at, theirs_at, again_at, base_at = (os.path.join(folder, name) for name in ("ours", "theirs", "again", "base"))
        if adapters:
            config = dict(draw_config(kind, rng), pad_token_id=PAD)
            ours = ask(config=config, saveTo=ours_at, baseAt=base_at)
            model, tokenizer, bias, together, alone = scores_of_adapters(base_at, ours_at, texts)
            unbiased = together - bias
        else:
            ours = ask(config=draw_config(kind, rng), saveTo=ours_at)
            model, tokenizer, bias, together, alone = scores_of(ours_at, texts)
            if (bias == 0) != (kind == "gpt2"):
                return f"the bias that is left to config.json is {bias}"
            unbiased = together
        model.save_pretrained(theirs_at)
        tokenizer.save_pretrained(theirs_at)
        back = ask(folder=theirs_at, saveTo=again_at)
        moments = torch.stack([together.mean(), together.std(correction=0)])
        return (difference("in a batch", ours["after"], together) or difference("one by one", ours["after"], alone)
                or difference("mean and deviation", [mean, std], moments) or difference("saved by Python", back["before"], unbiased))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    print(f"seeds {options.first_seed} to {options.first_seed + options.rounds - 1}; transformers {transformers.__version__}")
    node = subprocess.Popen(["node", "--import", "tsx", "test/peers/reward-model.ts"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    passed = failed = 0
    for kind, adapters in itertools.product(("gpt2", "llama", "qwen2"), (False, True)):
        what = f"{kind} reward model{' of adapters' if adapters else ''}"
        for seed in range(options.first_seed, options.first_seed + options.rounds):
            found = play(node, kind, seed, adapters)
            print(f"{'ok    ' if found is None else 'FAILED'}  {what}, seed {seed}" + (f": {found}" if found else ""), flush=True)
            passed, failed = passed + (found is None), failed + (found is not None)
    node.stdin.close()
    node.wait()
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
