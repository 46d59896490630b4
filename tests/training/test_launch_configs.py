"""configs/launch/ as the tools themselves read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType

FOLDER = Path(__file__).parents[2] / "configs/launch"
KINDS = {
    "cpu2": DistributedType.MULTI_GPU,
    "ddp": DistributedType.MULTI_GPU,
    "fsdp2": DistributedType.FSDP,
    "zero3": DistributedType.DEEPSPEED,
}


def launch_arguments(name: str, *more: str) -> object:
    """What `accelerate launch` makes of the file."""
    command = ["--config_file", str(FOLDER / f"{name}.yaml"), *more, "-m", "modsmith", "train", "sft", "--out", "run"]
    return _validate_launch_command(launch_command_parser().parse_args(command))[0]


def test_every_file_is_looked_at() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*KINDS, "vllm_server"}


@pytest.mark.parametrize("name", KINDS)
def test_accelerate_reads_it(name: str) -> None:
    config = load_config_from_file(str(FOLDER / f"{name}.yaml"))  # refuses keys that it does not know
    assert isinstance(config, ClusterConfig) and config.distributed_type == KINDS[name]
    assert config.mixed_precision == "no", "the settings' precision decides, not the launcher"
    assert config.num_processes == (2 if name == "cpu2" else 4) and config.num_machines == 1
    assert config.use_cpu is (name == "cpu2")


def test_several_processes_are_started() -> None:
    """MULTI_CPU in cpu2.yaml would start a single one, without a word."""
    for name in ("cpu2", "ddp"):
        arguments = launch_arguments(name)
        assert arguments.multi_gpu and not arguments.use_fsdp and not arguments.use_deepspeed  # type: ignore[attr-defined]
    assert launch_arguments("ddp", "--num_processes", "8").num_processes == 8  # type: ignore[attr-defined]


def test_fsdp2_keeps_whole_state_dicts_and_loads_plainly() -> None:
    arguments = launch_arguments("fsdp2")
    wanted = {
        "use_fsdp": True, "fsdp_version": 2, "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_state_dict_type": "FULL_STATE_DICT", "fsdp_cpu_ram_efficient_loading": False,
        "fsdp_reshard_after_forward": True, "fsdp_offload_params": False,
    }  # fmt: skip
    assert {name: getattr(arguments, name) for name in wanted} == wanted


def test_zero3_can_save_the_model() -> None:
    arguments = launch_arguments("zero3")
    wanted = {
        "use_deepspeed": True, "zero_stage": 3, "zero3_save_16bit_model": True, "zero3_init_flag": False,
        "gradient_accumulation_steps": 1, "offload_param_device": "none",
    }  # fmt: skip
    assert {name: getattr(arguments, name) for name in wanted} == wanted


def test_trl_reads_the_vllm_server() -> None:
    from trl.scripts.vllm_serve import build_command, make_parser

    arguments, rest = make_parser().parse_args_and_config(
        ["--config", str(FOLDER / "vllm_server.yaml")], return_remaining_strings=True
    )
    assert (arguments.host, arguments.port, arguments.max_model_len, rest) == ("127.0.0.1", 8000, 4096, [])
    command = build_command(arguments, rest)
    assert "--enable-prefix-caching" in command
    assert command[command.index("--logprobs-mode") + 1] == "processed_logprobs", "what importance sampling needs"
