"""The main job, end to end: from a policy to a proven moderator.

The stations know nothing of those to their right. This module stands to the right of all of them and puts them
together: training gets its held-out score from the judge, evaluation gets its systems from the runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from modsmith.corpus import Example, corpus_hash, load_corpus, of_split
from modsmith.corpus.importing import as_screened
from modsmith.errors import UserError
from modsmith.evaluation import score_held_out
from modsmith.evaluation.calibrating import check_calibration
from modsmith.evaluation.run import ProgressBar, evaluate_models
from modsmith.files import atomic_write, read_text, write_json
from modsmith.judge import Calibration, Judge, fit_calibration
from modsmith.judge.calibration import Method
from modsmith.judge.judge import OtherCategoriesError
from modsmith.policy import Policy, load_policy
from modsmith.prompt import Mode
from modsmith.terminal import file_progress
from modsmith.training import processes
from modsmith.training.adapt import wording_of
from modsmith.training.base import EMBEDDED, SHIPPED, load_model, model_folder
from modsmith.training.plan import take_units
from modsmith.training.run import read_metrics
from modsmith.training.second.settings import SecondSettings
from modsmith.training.settings import STATIONS, GrpoSettings, RunSettings, SftSettings

# --- training with a held-out score ----------------------------------------------------------------------------------


def train_station(station: str, settings: RunSettings, out: Path, resume: bool = False) -> Path:
    """Train (`station` "sft" or "grpo") with the best checkpoint chosen on the validation split, then calibrate it. Of
    several processes (docs/launch.md) the main one scores and calibrates."""
    processes.start()
    policy = load_policy(settings.policy)
    held_out = _held_out_scorer(settings, policy)
    try:
        if station == "sft":
            from modsmith.training.sft import train_sft

            assert isinstance(settings, SftSettings)
            best = train_sft(settings, out, resume, held_out, policy)
        else:
            from modsmith.training.grpo import train_grpo

            assert isinstance(settings, GrpoSettings)
            best = train_grpo(settings, out, resume, held_out, policy)
    finally:
        processes.leave()
    if processes.is_main():
        calibrate_model(best, settings.corpus, policy, settings.calibration_limit)
    return best


def _held_out_scorer(settings: RunSettings, policy: Policy) -> Callable[[Any], dict[str, float]]:
    """Judge a fixed part of the validation split, calibrated on the spot, and score it by the policy's costs: in the
    mode that is trained, or the one that `eval_mode` asks for. SFT is scored in direct mode, which nine of ten of its
    passes teach. Validation only: the test split is never looked at during training."""
    examples = take_units(of_split(load_corpus(settings.corpus, policy), "validation"), settings.eval_limit)
    tokenizer, wording = load_model(settings.base, "fp32").tokenizer, wording_of(settings)
    modes = _scored_modes(settings)

    def held_out(model: Any) -> dict[str, float]:
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        judge = Judge(causal, tokenizer, policy, wording=wording)
        judge.calibration = _fit(judge, examples, "")
        scores: dict[Mode, dict[str, float]] = {}
        for mode in modes:
            judge.mode = mode
            scores[mode] = score_held_out(examples, judge.rate([example.listing for example in examples]), policy)
        return _mean_scores(scores)

    return held_out


def _scored_modes(settings: RunSettings) -> tuple[Mode, ...]:
    if not isinstance(settings, GrpoSettings):
        return ("direct",)
    asked = settings.mode if settings.eval_mode == "trained" else settings.eval_mode
    return ("think", "direct") if asked == "both" else (asked,)


def _mean_scores(scores: Mapping[Mode, Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over the modes, without what is undefined in one of them; with several modes the score of
    each beside it, as score_think and score_direct."""
    first, *others = scores.values()
    shared = [name for name in first if all(name in other for other in others)]
    found = {name: sum(one[name] for one in scores.values()) / len(scores) for name in shared}
    return found | ({f"score_{mode}": one["score"] for mode, one in scores.items()} if others else {})


def calibrate_model(
    model: Path, corpus: str, policy: Policy, limit: int | None = None, method: Method = "shared"
) -> Calibration:
    """Fit the model's calibration on (at most `limit` listings of) the corpus's validation split and store it in the
    model's folder, with what cross-fitting says of it (`check`; left out where all listings are of one group)."""
    folder = model_folder(str(model))
    if folder is None:
        raise UserError(f"{model} is no folder; calibration is stored beside a model, so give a run or model folder")
    examples = load_corpus(corpus, policy)
    judge = Judge.load(str(folder), policy, calibrated=False)
    held_out = take_units(of_split(examples, "validation"), limit)
    log_digits, gold = _digits(judge, held_out)
    second = judge.second_logits([example.listing for example in held_out])
    fitted_on = f"{corpus_hash(examples)}/validation/{len(held_out)}/direct"
    names, groups = policy.category_ids, [example.group for example in held_out]
    calibration = fit_calibration(log_digits, gold, fitted_on, method=method, names=names, second=second)
    if len(set(groups)) > 1:
        calibration = replace(calibration, check=check_calibration(log_digits, gold, groups, names, method, second))
    calibration.save(folder)
    return calibration


def _fit(judge: Judge, examples: Sequence[Example], fitted_on: str) -> Calibration:
    return fit_calibration(*_digits(judge, examples), fitted_on)


def _digits(judge: Judge, examples: Sequence[Example]) -> tuple[Any, Any]:
    """Log-probabilities (N, C, 5) and gold ratings (N, C)."""
    import numpy as np

    gold = np.array([list(example.ratings.values()) for example in examples])
    return judge.digit_log_probs([example.listing for example in examples]), gold


def train_second_reader(settings: SecondSettings, out: Path, resume: bool = False) -> Path:
    """Train a second reader and calibrate it together with the language model that it reads beside."""
    from modsmith.training.second.fit import train_second

    policy = load_policy(settings.policy)
    best = train_second(settings, out, resume, policy)
    calibrate_model(best, settings.corpus, policy, settings.calibration_limit)
    return best


# --- listings nobody has rated ----------------------------------------------------------------------------------------


def set_apart(
    examples: Sequence[Example], model: str, policy: Policy, progress: ProgressBar | None = None
) -> tuple[list[Example], list[Example]]:
    """Screen weakly allowed examples with a moderator: (those it allows, marked as screened, those a person has to look
    at)."""
    try:
        judge = Judge.load(model, policy)
    except OtherCategoriesError as error:
        raise UserError(f"{error}; or import without a moderator: --screen none") from error
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        if progress:
            progress(done, len(examples))

    verdicts = judge.rate([example.listing for example in examples], tick)
    pairs = list(zip(examples, verdicts, strict=True))
    return (
        [as_screened(example) for example, verdict in pairs if verdict.decision == "allow"],
        [example for example, verdict in pairs if verdict.decision != "allow"],
    )


def write_examples(examples: Sequence[Example], path: Path) -> None:
    """One JSON object a line, as `load_corpus` reads them."""
    with atomic_write(path) as file:
        file.writelines(json.dumps(example.to_record(), ensure_ascii=False) + "\n" for example in examples)


# --- the demo ---------------------------------------------------------------------------------------------------------


def run_demo(out: Path, config: Path) -> None:
    """Corpus, SFT, GRPO, evaluation and report on two cores, with small settings. Each stage that is complete is kept:
    an interrupted demo goes on where it stopped."""
    console = Console(stderr=True)
    try:
        demo = yaml.safe_load(read_text(config, "demo config"))
        settings = {name: kind.model_validate(demo[name]) for name, kind in STATIONS.items()}
        test_limit, minutes = int(demo["test_limit"]), float(demo["sft_minutes"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"demo config {config}: {' '.join(str(error).split())}") from error
    policy = load_policy(settings["sft"].policy)
    began = time.monotonic()

    def stage(number: int, text: str) -> None:
        console.rule(f"{number}/5  {text}  [dim]({(time.monotonic() - began) / 60:.1f} min so far)[/dim]", align="left")

    stage(1, "corpus")
    from modsmith.corpus import export_corpus

    examples = load_corpus(settings["sft"].corpus, policy)
    export_corpus(examples, out / "corpus", policy.version_label)
    console.print(
        f"{len(examples)} listings, {sum(e.violates for e in examples)} of them violating -> {out / 'corpus'}"
    )

    stage(2, "SFT")
    share = _share_that_fits(settings["sft"], minutes, policy, examples, out / "pace.json", console)
    settings = {name: _smaller(one, share) for name, one in settings.items()}
    test_limit = max(round(share * test_limit), LEAST["test_limit"])
    sft = _train_or_keep("sft", settings["sft"], out / "sft", console)
    stage(3, "GRPO with reasoning")
    base = settings["grpo"].model_copy(update={"base": str(sft)})
    grpo = _train_or_keep("grpo", base, out / "grpo", console)

    stage(4, "evaluation on the test split")
    test = take_units(of_split(examples, "test"), test_limit)
    write_examples(test, out / "test.jsonl")
    models = [f"base={EMBEDDED}", f"SFT={sft}", f"SFT + GRPO={grpo}", f"shipped={SHIPPED}"]
    with file_progress("judging") as progress:
        page = evaluate_models(
            str(out / "test.jsonl"), models, policy, out, train_corpus=settings["sft"].corpus, progress=progress,
            training={"sft": read_metrics(out / "sft"), "grpo": read_metrics(out / "grpo")},
        )  # fmt: skip
    stage(5, "done")
    console.print(f"report: {page}\nfigures: {out / 'summary.json'}")


LEAST = {"limit": 60, "steps": 2, "eval_limit": 40, "calibration_limit": 60, "test_limit": 60}
"""What a slow machine's demo still has of everything."""
SLOWER = 0.1
"""Minutes more that the other stations of a demo take for each minute that all of its SFT would take."""


def _share_that_fits(
    settings: RunSettings, minutes: float, policy: Policy, examples: Sequence[Example], kept: Path, console: Console
) -> float:
    """The share of the demo that this machine can do in the time, at most 1: its SFT may take `minutes`, less what a
    slow machine needs for the rest. Measured once and kept in `kept`: an interrupted demo goes on as it began."""
    if not kept.exists():
        from modsmith.training.pace import sft_minutes

        assert isinstance(settings, SftSettings)
        with console.status("trying a few steps"):
            wanted = sft_minutes(settings, policy, examples)
        share = min(1.0, max(0.0, minutes - SLOWER * wanted) / wanted)
        write_json(kept, {"sft_minutes": round(wanted, 1), "share": round(share, 3)})
    pace = json.loads(read_text(kept, "demo pace"))
    if pace["share"] < 1:
        console.print(
            f"All of the demo's SFT would take this machine {pace['sft_minutes']:.0f} minutes; to end in time the demo "
            f"takes {pace['share']:.0%} of its listings and steps."
        )
    return float(pace["share"])


def _smaller(settings: RunSettings, share: float) -> RunSettings:
    """The settings with `share` of their listings and steps."""
    given = {name: value for name, value in settings.model_dump().items() if name in LEAST and value is not None}
    scaled = {name: min(value, max(round(share * value), LEAST[name])) for name, value in given.items()}
    return settings.model_copy(update=scaled)


def _train_or_keep(station: str, settings: RunSettings, out: Path, console: Console) -> Path:
    """Train, resume what was interrupted, or take what is already there."""
    done = out / "done.json"
    if done.exists():
        console.print(f"kept from an earlier run: {out} (remove it to train again)")
        return Path(json.loads(done.read_text("utf-8"))["best"])
    best = train_station(station, settings, out, resume=(out / "config.yaml").exists())
    write_json(done, {"best": str(best)})
    return best
