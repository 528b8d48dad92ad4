"""Opens models of transformers and PEFT here and there, over configurations and weights that nobody has seen before.

    python test/peers/transformers_live.py [--rounds 2] [--first-seed N]

Needs torch, transformers and peft (requirements.txt); run from the root of the repository. A folder that Python saves is opened by us,
and the other way round; so are adapters. Logits or scores, loss, the norm of all gradients, and six greedy tokens must be equal, to the
tolerance below, relative to the largest. Prints one line a case, and last `N passed, N failed`.
"""

import argparse
import copy
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
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification  # noqa: E402

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

TOLERANCE = 1e-4
MODELS = {"causal": AutoModelForCausalLM, "classifier": AutoModelForSequenceClassification}
TARGETS = {"gpt2": ["c_attn", "c_proj"], "llama": ["q_proj", "down_proj"], "qwen2": ["k_proj", "v_proj", "o_proj"]}


def draw_config(kind, task, rng):
    """A small configuration with whatever the architecture may have."""
    heads, size = rng.choice([1, 2, 4]), rng.choice([4, 6, 16])
    common = dict(vocab_size=rng.randrange(20, 60), initializer_range=0.3, tie_word_embeddings=rng.random() < 0.5,
                  bos_token_id=0, eos_token_id=0, pad_token_id=19)
    if task == "classifier":
        common["num_labels"] = rng.choice([1, 3])
    if kind == "gpt2":
        return dict(common, n_positions=32, n_embd=heads * size, n_layer=rng.choice([1, 3]), n_head=heads,
                    n_inner=rng.choice([None, 20]), activation_function=rng.choice(["gelu_new", "gelu", "relu"]),
                    scale_attn_by_inverse_layer_idx=rng.random() < 0.3)
    config = dict(common, hidden_size=heads * size, intermediate_size=rng.randrange(8, 40), num_hidden_layers=rng.choice([1, 3]),
                  num_attention_heads=heads, num_key_value_heads=rng.choice([n for n in (1, 2, 4) if heads % n == 0]),
                  max_position_embeddings=32)
    original = dict(rope_theta=rng.choice([50.0, 10000.0]), factor=rng.choice([2.0, 8.0]), original_max_position_embeddings=8)
    config["rope_parameters"] = rng.choice([
        None,
        dict(original, rope_type="linear"),
        dict(original, rope_type="llama3", low_freq_factor=0.1, high_freq_factor=0.8),
        dict(original, rope_type="yarn"),
    ])
    if kind == "llama":
        config.update(attention_bias=rng.random() < 0.5, mlp_bias=rng.random() < 0.5, head_dim=rng.choice([None, 8]))
    return config


def measure(model, task, ids):
    """What the answer of our side must be."""
    model = model.eval()
    model.zero_grad()
    if task == "classifier":
        return {"outputs": model(ids).logits.flatten().tolist()}
    out = model(ids, labels=ids)
    out.loss.backward()
    squares = sum((p.grad**2).sum().item() for p in model.parameters() if p.grad is not None)
    tokens = []
    for row in ids[:, :4]:
        for _ in range(6):
            with torch.no_grad():
                row = torch.cat([row, model(row[None]).logits[0, -1].argmax()[None]])
        tokens.append(row[4:].tolist())
    return {"outputs": out.logits.flatten().tolist(), "loss": out.loss.item(), "gradientNorm": squares**0.5, "tokens": tokens}


def difference(ours, theirs, tolerance=TOLERANCE):
    for key, value in theirs.items():
        if key == "tokens":
            if ours[key] != value:
                return f"{key}: ours {ours[key]}, theirs {value}"
            continue
        a, b = (torch.tensor(x, dtype=torch.float64).flatten() for x in (ours[key], value))
        if a.shape != b.shape or not (a - b).abs().max() <= tolerance * b.abs().max():
            return f"{key}: ours {a[:4].tolist()}..., theirs {b[:4].tolist()}..."
    return None


def play(node, kind, task, adapted, from_python, seed):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    config = draw_config(kind, task, rng)
    ids = torch.tensor([[rng.randrange(19) for _ in range(12)] for _ in range(2)])
    dtype = rng.choice(["float32", "float32", "float16", "bfloat16"])
    with tempfile.TemporaryDirectory() as folder:
        theirs_at, ours_at, adapters_at = (os.path.join(folder, name) for name in ("theirs", "ours", "adapters"))
        request = {"task": task, "seed": seed, "ids": ids.tolist(), "saveTo": ours_at, "dtype": "float32",
                   "maxShardBytes": rng.choice([3000, 10**9]), "targetModules": TARGETS[kind]}
        if from_python:
            model = MODELS[task].from_config(AutoConfig.for_model(kind, **config))
            # Parameters alone: the frequencies of rotary embeddings must not be rounded with them.
            for parameter in model.parameters():
                parameter.data = parameter.data.to(getattr(torch, dtype)).float()
            copy.deepcopy(model).to(getattr(torch, dtype)).save_pretrained(theirs_at, max_shard_size=rng.choice(["3KB", "1GB"]))
            request["folder"] = theirs_at
            if adapted:
                task_type = "CAUSAL_LM" if task == "causal" else "SEQ_CLS"
                lora = LoraConfig(r=3, lora_alpha=7, target_modules=TARGETS[kind], task_type=task_type, use_rslora=rng.random() < 0.5)
                model = get_peft_model(model, lora)
                for name, parameter in model.named_parameters():
                    if "lora_" in name:
                        torch.nn.init.normal_(parameter, std=0.3)
                model.save_pretrained(adapters_at)
                request["adapters"] = adapters_at
        else:
            request["config"] = {**config, "model_type": kind}
            request["dtype"] = dtype if not adapted else "float32"
            if adapted:
                request["newAdapters"] = adapters_at
        print(json.dumps(request), file=node.stdin, flush=True)
        line = node.stdout.readline()
        if not line:
            sys.exit(f"our side ended while it answered {request}")
        ours = json.loads(line)
        opened, info = MODELS[task].from_pretrained(ours_at, dtype=torch.float32, output_loading_info=True)
        wrong = {key: value for key, value in info.items() if value}
        if wrong:
            return f"transformers opens ours with {wrong}"
        reopened = measure(opened, task, ids)
        if from_python:
            found = difference(ours, measure(model, task, ids))
            # What we saved is the merged model, where there were adapters.
            return found or difference({"outputs": ours.get("merged", ours["outputs"])}, {"outputs": reopened["outputs"]})
        if adapted:
            return difference({"outputs": ours["merged"]}, {"outputs": reopened["outputs"]}) or difference(
                {"outputs": ours["outputs"]}, {"outputs": ours["merged"]})
        # Weights that were rounded to 16 bits give other logits.
        rounded = {"float32": TOLERANCE, "float16": 0.02, "bfloat16": 0.15}[dtype]
        return difference(ours, reopened if dtype == "float32" else {"outputs": reopened["outputs"]}, rounded)


def adapters_of_ours(node, kind, seed):
    """Our adapters over a model of Python's, opened by PEFT."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    ids = torch.tensor([[rng.randrange(19) for _ in range(12)] for _ in range(2)])
    with tempfile.TemporaryDirectory() as folder:
        base_at, ours_at, adapters_at = (os.path.join(folder, name) for name in ("base", "ours", "adapters"))
        AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **draw_config(kind, "causal", rng))).save_pretrained(base_at)
        request = {"task": "causal", "seed": seed, "ids": ids.tolist(), "saveTo": ours_at, "dtype": "float32", "maxShardBytes": 10**9,
                   "targetModules": TARGETS[kind], "folder": base_at, "newAdapters": adapters_at}
        print(json.dumps(request), file=node.stdin, flush=True)
        ours = json.loads(node.stdout.readline())
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base_at), adapters_at, is_trainable=True)
        return difference(ours, measure(model, "causal", ids))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    print(f"seeds {options.first_seed} to {options.first_seed + options.rounds - 1}; transformers {transformers.__version__}")
    node = subprocess.Popen(["node", "--import", "tsx", "test/peers/language-model.ts"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    cases = []
    for kind in TARGETS:
        for task in MODELS:
            for adapted in (False, True):
                for from_python in (True, False):
                    name = f"{kind} {task}{' with adapters' if adapted else ''}, from {'Python' if from_python else 'TypeScript'}"
                    cases.append((name, lambda seed, a=(kind, task, adapted, from_python): play(node, *a, seed)))
        cases.append((f"{kind} causal, our adapters in PEFT", lambda seed, kind=kind: adapters_of_ours(node, kind, seed)))
    passed = failed = 0
    for name, run in cases:
        found = None
        for seed in range(options.first_seed, options.first_seed + options.rounds):
            found = run(seed)
            if found is not None:
                found = f"seed {seed}, {found}"
                break
        print(f"{'ok    ' if found is None else 'FAILED'}  {name}" + (f": {found}" if found else ""), flush=True)
        passed, failed = passed + (found is None), failed + (found is not None)
    node.stdin.close()
    node.wait()
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
