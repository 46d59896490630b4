"""Every knob of a training run, typed, on one screen each: what `configs/sft.yaml` and `configs/grpo.yaml` hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from modsmith.errors import UserError
from modsmith.files import read_text
from modsmith.prompt import Wording

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
REWARD_PARTS = ("decision", "severity", "grounding", "length", "brier")
"""What training/rewards.py can pay for."""


class RunSettings(BaseModel):
    """What SFT and GRPO have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str = "smollm2-135m"
    """Model to start from: "smollm2-135m" (embedded), a Hugging Face id, a folder, or a modsmith run or adapter."""
    policy: str = "marketplace"
    """Built-in policy name or a policy file."""
    corpus: str = "standard"
    """Built-in corpus name, folder, or JSONL / Parquet file."""
    wording: Wording | None = None
    """How the prompt begins (`WORDINGS` in prompt.py); by default as the base was trained, which is "plain" for a model
    that says nothing. It is recorded with the trained model, and the judge asks in the same words."""
    limit: Count | None = None
    """Use at most this many training examples (twins whole, all categories alike); for trials."""
    seed: int = 0
    lora_rank: Annotated[int, Field(ge=0, le=512)] = 16
    """Rank of the adapters on all linear layers; 0 trains every weight."""
    lora_alpha: Count = 32
    """Adapter output is scaled by alpha / rank."""
    learning_rate: Positive = 5e-4
    """Peak rate. Twice as much teaches the embedded model faster; four times as much makes it forget the listing and
    answer the base rates."""
    warmup_share: Share = 0.02
    """Share of all steps over which the rate rises; it then falls as a half cosine."""
    max_grad_norm: Positive = 1.0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Arithmetic; "auto" takes bf16 where the processor or GPU has it."""
    save_every: Count = 25
    """Steps between checkpoints (what --resume goes on from)."""
    keep_checkpoints: Count = 2
    eval_every: Count = 50
    """Steps between held-out scores; the best of them becomes `best/`."""
    eval_limit: Count = 120
    """Validation examples used for each held-out score (twins whole)."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Held-out scores in a row without a better one after which the run ends; 0 never ends early. `best/` is the same
    model either way, and the checkpoint of that step lets a run go on with more patience."""
    calibration_limit: Count = 400
    """Validation examples that the finished model is calibrated on."""
    tracker: Literal["trackio", "wandb", "tensorboard", "none"] = "trackio"
    """Where live curves are mirrored to; trackio keeps them on this machine and needs no account. RUN/metrics.jsonl is
    written whatever is chosen."""
    alarms: Literal["warn", "stop", "none"] = "warn"
    """What a sign of trouble in the metrics does: a warning, an orderly stop with a checkpoint (--strict), nothing."""
    progress: Literal["lines", "bar"] = "lines"
    """What a terminal shows besides alarms: a bar and a line a logged step, or the bar alone, gone at the end."""


class SftSettings(RunSettings):
    """Supervised fine-tuning: the format, the labels, and the reasons for them."""

    plain_epochs: Annotated[float, Field(ge=0)] = 0.6
    """Passes over the plain cases (short violating and ordinary listings) before the others come in. They teach which
    category a listing is about; with twins from the start, half of each category allowed, that takes far longer."""
    epochs: Positive = 1.0
    """Passes over all listings after that."""
    composed_share: Share = 1.0
    """Share of the composed listings (offers told through shells) that one pass takes, drawn anew for every pass; of
    those written whole it takes all. There are more composed listings, and each teaches less."""
    batch_size: Count = 8
    """Listings per optimiser step; the two sides of a twin are always in the same batch."""
    think_share: Share = 0.1
    """Share of passes with reasoning; the others teach the direct answer."""
    max_chars: Count | None = 600
    """Longer listings (characters of all fields) are left out: on two cores they cost more than they teach."""
    word_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a listing's words left out at each pass, others every time; never those of the quote, or those in which
    the two sides of a twin differ (training/word_dropout.py). For runs of several epochs."""
    disguise_share: Share = 0.0
    """Share of the units (twins, or single listings) that wear a disguise or an order to the moderator at each pass,
    others every time (training/disguises.py)."""
    weight_zero: Share = 0.15
    """Loss weight of a rating-0 digit of a category the listing was not written for (the one it was written for weighs
    1, whatever its rating). 95 % of digits are 0: unweighted, the model stays at all zeros for epochs."""
    weight_frame: Share = 0.02
    """Loss weight of the answer's fixed text (category names, tags)."""
    weight_reasoning: Share = 0.05
    """Loss weight of a reasoning token."""
    weight_level: Share = 1.0
    """Loss weight of telling ratings of one tier apart (0 from 1, 3 from 4), beside telling the tiers apart, which is
    what decides; 1 is plain cross-entropy."""


class GrpoSettings(RunSettings):
    """Group-relative policy optimisation on listings the SFT model is unsure of."""

    learning_rate: Positive = 5e-5
    mode: Literal["think", "direct", "both"] = "think"
    """How completions answer; "both" has reasoned and direct ones in every step, half of the listings each."""
    eval_mode: Literal["trained", "direct", "think", "both"] = "trained"
    """How held-out listings are answered, and so what `best/` is best at: as the completions are (`mode`), or
    otherwise. "both" takes the mean of the two. "direct" costs one pass a listing; reasoning writes up to 160 tokens
    more."""
    steps: Count = 24
    prompts_per_step: Count = 2
    """Distinct listings per optimiser step."""
    group_size: Annotated[int, Field(ge=2, le=64)] = 6
    """Completions per listing (G); the advantage compares them with each other."""
    refill: Annotated[int, Field(ge=0, le=8)] = 0
    """At most so many further rollouts a step, of other unsure listings, to replace groups whose completions all earn
    the same (dynamic sampling, 2503.14476); 0 steps on what is left."""
    temperature: Positive = 1.0
    max_completion_tokens: Count = 160
    """Cap of a completion; about 65 tokens are the answer, the rest is reasoning."""
    loss: Literal["dapo", "dr_grpo", "grpo"] = "dapo"
    scale_rewards: Literal["group", "batch", "none"] = "none"
    """Divide advantages by which standard deviation; "none" keeps easy and hard groups alike (Dr. GRPO, 2503.20783)."""
    advantage: Literal["group", "corpo", "maxrl"] = "group"
    """What a completion is compared with (training/advantages.py): the mean of its group; at least `correct_reward`
    (CoRPO); the mean, with hard listings weighing more (MaxRL). The last two take `scale_rewards: none`."""
    correct_reward: float = 0.3
    """CoRPO's bar. With the weights below, no completion that decides wrongly earns more than 0.3."""
    rollout: Literal["own", "vllm_server", "vllm_colocate"] = "own"
    """What samples the completions: the model being trained; a vLLM server on GPUs of its own; a vLLM inside each
    training process. Log-probabilities and gradients are ours with any of them (docs/launch.md)."""
    vllm_server_url: str = "http://127.0.0.1:8000"
    """Where the server of `rollout: vllm_server` answers."""
    vllm_memory: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of each GPU's memory that vLLM takes under `rollout: vllm_colocate`."""
    beta: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the KL penalty towards the start model; 0 saves a forward pass."""
    unsure_low: Share = 0.02
    unsure_high: Share = 0.98
    """Only items whose probability of a right decision by the start model lies between the two are used."""
    difficulty_samples: Annotated[int, Field(ge=0, le=64)] = 0
    """Completions sampled from the start model for each of those items; only what is right sometimes but not always is
    used. 0 leaves this out. The counts are kept in RUN/pass_rates.jsonl."""
    reward_weights: dict[str, Annotated[float, Field(ge=0)]] = {
        "decision": 1.0,
        "severity": 0.5,
        "grounding": 0.3,
        "length": 0.1,
    }
    """Weight of each reward part in training/rewards.py; a part that is left out has weight 0."""

    @model_validator(mode="after")
    def _advantages_are_scaled_once(self) -> GrpoSettings:
        if self.advantage != "group" and self.scale_rewards != "none":
            raise ValueError(f"advantage {self.advantage} takes scale_rewards: none, not {self.scale_rewards}")
        if unknown := set(self.reward_weights) - set(REWARD_PARTS):
            raise ValueError(f"no reward part {sorted(unknown)[0]!r}; the parts are {', '.join(REWARD_PARTS)}")
        return self


STATIONS: dict[str, type[RunSettings]] = {"sft": SftSettings, "grpo": GrpoSettings}
Settings = TypeVar("Settings", bound=RunSettings)


def load_settings(kind: type[Settings], path: Path | None, changes: list[str] | None = None) -> Settings:
    """Read settings from YAML and apply `key=value` changes (values are YAML). Raises `UserError` naming the key."""
    data: Any = {}
    if path is not None:
        try:
            data = yaml.safe_load(read_text(path, "config")) or {}
        except yaml.YAMLError as error:
            raise UserError(f"config {path}: not valid YAML ({' '.join(str(error).split())})") from error
        if not isinstance(data, dict):
            raise UserError(f"config {path}: expected keys and values")
    for change in changes or []:
        key, equals, value = change.partition("=")
        if not equals:
            raise UserError(f"--set {change!r}: write key=value, for example --set epochs=2")
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UserError(f"--set {key}: {value!r} is not a YAML value") from error
        _put(data, key.strip(), read_number(parsed), f"--set {key}")
    return _validated(kind, data, f"config {path or '(defaults)'}")


def change_settings(settings: Settings, changes: Mapping[str, Any], where: str) -> Settings:
    """The settings with other values at (dotted) keys. Raises `UserError`, which begins with `where`."""
    data = settings.model_dump()
    for key, value in changes.items():
        _put(data, key, value, f"{where}, key {key}")
    return _validated(type(settings), data, where)


def _put(data: dict[str, Any], key: str, value: Any, where: str) -> None:
    target = data
    *parents, last = key.split(".")
    for parent in parents:
        target = target.setdefault(parent, {})
        if not isinstance(target, dict):
            raise UserError(f"{where}: {parent} holds one value, not keys")
    target[last] = value


def _validated(kind: type[Settings], data: Any, where: str) -> Settings:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        hint = f"; the keys are {', '.join(kind.model_fields)}" if first["type"] == "extra_forbidden" else ""
        where += f", key {key}" if key else ""
        raise UserError(f"{where}: {first['msg'].removeprefix('Value error, ')}{hint}") from error


def read_number(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text; people write learning rates that way. What is no such text stays as it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
