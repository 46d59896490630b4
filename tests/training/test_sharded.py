"""Weights sharded over two processes (FSDP2 on the CPU): the loss, its gradients and the saved model are the same.

accelerate shards on GPUs only, so this calls what it calls: `fully_shard` on every layer, then on the model.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import sys
from pathlib import Path
import torch, torch.distributed as dist
from peft import LoraConfig, get_peft_model
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from modsmith.training.base import load_model
from modsmith.training.lora import speed_up_lora
from modsmith.training.run import write_model
from modsmith.training.rows import weighted_loss
from modsmith.training.sft import token_logits
from modsmith.training.shared_prefix.model import teach_trees

folder, out, shared = sys.argv[1], Path(sys.argv[3]), sys.argv[4] == "True"
precision, rank_of_adapter = ("fp32", 0) if sys.argv[2] == "full" else (sys.argv[2], 4)

def make():
    torch.manual_seed(0)
    loaded = load_model(folder, precision)
    model = loaded.model.requires_grad_(True)
    if rank_of_adapter:
        model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear"))
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
        speed_up_lora(model)
    teach_trees(model)
    return model.train(), loaded.tokenizer

dist.init_process_group("gloo")
torch.manual_seed(1)
def share(rank=0, processes=1):
    # of four rows of 12 tokens, after a prefix of 20, those of one process
    pick = lambda value: value.view(4, 12)[rank::processes].flatten()
    return {
        "prefix_P": prefix_P, "lengths_B": torch.full((4 // processes,), 12), "ids_N": pick(ids_N),
        "weights_N": pick(weights_N), "levels_N": pick(levels_N),
    }

def loss_of(model, batch, total):
    logits_SV = token_logits(model, batch, shared)
    parts = (batch[name] for name in ("ids_N", "weights_N", "levels_N"))
    return weighted_loss(logits_SV, *parts, [1, 2, 3, 4, 5], 0.5, total)

prefix_P, ids_N = torch.randint(5, 900, (20,)), torch.randint(5, 900, (48,))
weights_N, levels_N = torch.rand(48) + 0.1, torch.full((48,), -1)
total = weights_N.sum()
plain, _ = make()
expected = loss_of(plain, share(), total)
expected.backward()
gradients = {name: weight.grad for name, weight in plain.named_parameters() if weight.grad is not None}

model, tokenizer = make()
mesh = init_device_mesh("cpu", (2,))
for layer in (model.get_base_model() if rank_of_adapter else model).model.layers:
    fully_shard(layer, mesh=mesh)
fully_shard(model, mesh=mesh)
loss = loss_of(model, share(dist.get_rank(), 2), total / 2)
loss.backward()
loss = loss.detach()
dist.all_reduce(loss)
rough = precision == "bf16"
torch.testing.assert_close(loss / 2, expected.detach(), rtol=1e-3 if rough else 1e-5, atol=0)
found = {name: weight.grad.full_tensor() for name, weight in model.named_parameters() if weight.grad is not None}
assert found.keys() == gradients.keys()
for name, gradient in gradients.items():
    assert (found[name] - gradient).norm() <= (2e-2 if rough else 1e-5) * gradient.norm(), name

options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True, cpu_offload=True)
state = get_model_state_dict(model, options=options)  # as accelerate's get_state_dict
if dist.get_rank() == 0:
    out.mkdir()
    write_model(model, tokenizer, out, folder, state)
    again = load_model(str(out), "fp32", merge=False).model.state_dict()
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(again[name].float(), weight.float(), rtol=1e-2, atol=1e-3)
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shared"), [("full", True), ("fp32", True), ("bf16", True), ("fp32", False)])
def test_the_loss_of_sharded_weights(tiny_model_folder: Path, tmp_path: Path, kind: str, shared: bool) -> None:
    script = tmp_path / "sharded.py"
    script.write_text(_SCRIPT)
    told = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script),
         str(tiny_model_folder), kind, str(tmp_path / "model"), str(shared)],
        capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
