"""Opens a checkpoint of ours with Python's safetensors, and runs its networks in PyTorch: they must say what ours say.

    python test/peers/checkpoint.py

Needs safetensors==0.8.0 and torch==2.13.0; run from the root of the repository. Last line: `N passed, N failed`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

HIDDEN = 64
results = []


def check(what, passed, detail=""):
    results.append(passed)
    print(f"{'ok    ' if passed else 'FAILED'}  {what}{': ' + detail if detail and not passed else ''}")


def network(tensors, prefix, sizes):
    """The weights under `prefix` as Linear layers with tanh between them; [out, in] each, as PyTorch's own."""
    names = [name for name in tensors if name.startswith(prefix) and name.endswith(".weight")]
    modules = []
    for index, (name, inputs, outputs) in enumerate(zip(sorted(names), sizes[:-1], sizes[1:], strict=True)):
        linear = torch.nn.Linear(inputs, outputs)
        bias = name.removesuffix("weight") + "bias"
        linear.load_state_dict({"weight": tensors[name], "bias": tensors[bias]})
        modules += [linear] if index == len(names) - 1 else [linear, torch.nn.Tanh()]
    return torch.nn.Sequential(*modules)


with tempfile.TemporaryDirectory() as folder:
    output = subprocess.run(["node", "--import", "tsx", "test/peers/checkpoint.ts", folder], stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    ours = json.loads(output.strip().splitlines()[-1])
    path = Path(ours["checkpoint"])
    model = load_file(path / "model.safetensors")
    moments = load_file(path / "optimizer.safetensors")
    trainer = json.loads((path / "trainer.json").read_text())

check("model.safetensors opens", {name.split(".")[0] for name in model} == {"actor", "critic"}, str(sorted(model)))
check("all tensors are float32", all(x.dtype == torch.float32 for x in (*model.values(), *moments.values())))
check("trainer.json is JSON", isinstance(trainer, dict))

observations = torch.tensor(ours["observations"])
with torch.no_grad():
    scores = network(model, "actor", [4, HIDDEN, HIDDEN, 2])(observations)
    values = network(model, "critic", [4, HIDDEN, HIDDEN, 1])(observations).flatten()
for what, theirs, expected in (("actor", scores, ours["scores"]), ("critic", values, ours["values"])):
    expected = torch.tensor(expected)
    check(f"the {what} says the same in PyTorch", torch.allclose(theirs, expected, rtol=1e-5, atol=1e-6),
          f"{theirs.tolist()} there, {expected.tolist()} here")

# Adam keeps two moments of the shape of each parameter.
shapes = sorted(tuple(x.shape) for x in model.values() for _ in range(2))
check("optimizer.safetensors has two moments a parameter", sorted(tuple(x.shape) for x in moments.values()) == shapes,
      str({name: tuple(x.shape) for name, x in moments.items()}))

print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not all(results))
