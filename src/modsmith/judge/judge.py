"""`Judge.rate(listings) -> verdicts`: the moderator as an object.

Failure rule: an answer that does not parse gives a verdict with `parse_ok=False`, no ratings and no scores, and the
decision "review": modsmith fails to a person, never to silence. Of a listing of many windows one may fail where another
breaks a rule: it is disallowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, get_args

import numpy as np
import torch

from modsmith.errors import UserError
from modsmith.files import file_hash
from modsmith.judge.calibration import FILE, Calibration
from modsmith.judge.cores import map_on_cores
from modsmith.judge.levels import rate
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.prompt import (
    PLAIN,
    REASONING_CLOSE,
    Answer,
    Mode,
    Wording,
    grounded_quotes,
    listing_text,
    parse_answer,
    split_windows,
    views,
)
from modsmith.ratings import BORDERLINE, VIOLATION, Decision, Ratings, Verdict
from modsmith.training.base import (
    SHIPPED,
    LoadedModel,
    Precision,
    load_model,
    model_folder,
    second_folder,
    trained_categories,
)
from modsmith.training.decode import Prefix, forward_prefix, generate, read_answers
from modsmith.training.encode import PromptEncoder
from modsmith.training.second.reader import SecondReader, load_reader

MAX_REASONING_TOKENS = 160
ASK_AHEAD = 128
"""Listings read ahead and sorted by length together."""
WIDE, NARROW = 16, 4
"""Listings judged together where reading is wide (a GPU, or tokens written one at a time) and where it is not: the
direct answer on a processor is a matter of arithmetic alone, and small batches waste less of it on padding and on rows
whose draft was right (benchmarks/judge_batches.py)."""


class OtherCategoriesError(UserError):
    """The model was trained for other categories than the policy's: its scores would mean nothing."""


@dataclass(frozen=True, slots=True)
class WindowReading:
    """One judged window: digit distributions (C, 5), the answer that was written, whether it parsed; where a second
    reader has a say, its logits (1 + C)."""

    log_digits: np.ndarray
    answer: Answer
    second: np.ndarray | None = None


class Judge:
    """Rates listings by a policy with one model. Deterministic: no sampling anywhere.

    >>> judge = Judge.load()
    >>> judge.rate([Listing(id="1", title="40 stream overlays")])[0].decision
    'allow'
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        policy: Policy,
        name: str = "",
        mode: Mode = "direct",
        batch_size: int | None = None,
        calibration: Calibration | None = None,
        wording: Wording = PLAIN,
        folder: Path | None = None,
        second: SecondReader | None = None,
    ) -> None:
        self.model = model
        self.encoder = PromptEncoder(tokenizer, policy, wording)
        self.policy = policy
        self.name = name
        self.mode: Mode = mode
        self.wording: Wording = wording
        self.folder = folder
        """Where weights and calibration came from; `None` for a hub id."""
        self.second = second
        self._batch_size = batch_size
        self.calibration = calibration or Calibration()
        self._prefix: Prefix | None = None
        self._prefix_lock = Lock()

    @classmethod
    def load(
        cls,
        model: str = SHIPPED,
        policy: Policy | None = None,
        mode: Mode = "direct",
        batch_size: int | None = None,
        precision: Precision = "auto",
        calibrated: bool = True,
    ) -> Judge:
        """Load by model name, folder or hub id, and ask it in the wording it was trained with; without its calibration
        if not `calibrated`. Raises `UserError` when the model cannot be had, or says that it was trained for other
        categories."""
        from modsmith.policy import load_policy

        policy = policy or load_policy()
        _check_categories(model, policy, trained_categories(model))
        beside = second_folder(model)
        second = load_reader(beside, precision) if beside else None
        if second:
            _check_categories(model, policy, second.categories)
        loaded: LoadedModel = load_model(model, precision)
        folder = beside or loaded.folder
        calibration = Calibration.load(folder) if calibrated else None
        return cls(
            loaded.model, loaded.tokenizer, policy, model, mode, batch_size, calibration, loaded.wording, folder, second
        )  # fmt: skip

    @property
    def batch_size(self) -> int:
        """Listings judged together: what was asked for, else what suits the device and the mode."""
        if self._batch_size is not None:
            return self._batch_size
        return NARROW if self._on_cores else WIDE

    @property
    def _on_cores(self) -> bool:
        """Whether batches are read side by side: the direct answer, on a processor."""
        return self.mode == "direct" and getattr(getattr(self.model, "device", None), "type", "cpu") == "cpu"

    @property
    def _cores(self) -> int:
        return torch.get_num_threads() if self._on_cores else 1

    @property
    def provenance(self) -> dict[str, Any]:
        """Which model this is, JSON-ready: name, mode, wording, the hash of its weights (of the adapter, where it is
        one) or its revision on the hub, and of its calibration. What is not known is `None`."""
        weights = sorted(self.folder.glob("*.safetensors")) if self.folder else []
        fitted = self.folder / FILE if self.folder else None
        return {
            "kind": "model",
            "model": self.name,
            "mode": self.mode,
            "wording": self.wording,
            "weights": file_hash(*weights) if weights else None,
            "revision": getattr(getattr(self.model, "config", None), "_commit_hash", None),
            "calibration": file_hash(fitted) if fitted and fitted.is_file() else None,
            "calibrated on": self.calibration.fitted_on or None,
            **self._beside,
        }

    @property
    def _beside(self) -> dict[str, Any]:
        """Which language model a second reader reads beside: its name, and the hash of its weights where it has a
        folder. `weights` are then those of the second reader."""
        if self.second is None:
            return {}
        folder = model_folder(self.second.beside)
        weights = sorted(folder.glob("*.safetensors")) if folder else []
        return {"beside": self.second.beside, "beside weights": file_hash(*weights) if weights else None}

    def rate(self, listings: Sequence[Listing], progress: Callable[[int], None] | None = None) -> list[Verdict]:
        """Verdicts in the order of `listings`. `progress` is told how many listings were done since its last call."""
        return list(self.stream(listings, progress))

    def stream(self, listings: Iterable[Listing], progress: Callable[[int], None] | None = None) -> Iterator[Verdict]:
        """As `rate`, in constant memory: reads some listings ahead, sorts them by length, yields in the given order."""
        chunk: list[Listing] = []
        for listing in listings:
            chunk.append(listing)
            if len(chunk) == ASK_AHEAD:
                yield from self._rate_chunk(chunk, progress)
                chunk = []
        if chunk:
            yield from self._rate_chunk(chunk, progress)

    def _rate_chunk(self, listings: list[Listing], progress: Callable[[int], None] | None) -> list[Verdict]:
        looked_at = [
            (index, window, view)
            for index, listing in enumerate(listings)
            for window, pair in enumerate(views(listing))
            for view in pair
        ]
        waiting = np.bincount([index for index, *_ in looked_at], minlength=len(listings))
        readings: dict[int, WindowReading] = {}
        rests = [self.encoder.rest_ids(view, self.mode) for *_, view in looked_at]
        order = sorted(range(len(rests)), key=lambda position: (-len(rests[position]), rests[position]))
        batches = [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]

        def read_both(batch: list[int]) -> list[WindowReading]:
            found = self._read([rests[place] for place in batch])
            if self.second is None:
                return found
            logits_BK = self.second.read([listing_text(looked_at[place][2]) for place in batch])
            return [replace(one, second=said_K) for one, said_K in zip(found, logits_BK, strict=True)]

        read = map_on_cores(read_both, batches, self._cores)
        for batch, found in zip(batches, read, strict=True):
            readings.update(zip(batch, found, strict=True))
            before = np.count_nonzero(waiting)
            for position in batch:
                waiting[looked_at[position][0]] -= 1
            if progress:
                progress(int(before - np.count_nonzero(waiting)))
        windows: list[dict[int, list[WindowReading]]] = [{} for _ in listings]
        for position, (index, window, _) in enumerate(looked_at):
            windows[index].setdefault(window, []).append(readings[position])
        return [self._verdict(listing, list(pairs.values())) for listing, pairs in zip(listings, windows, strict=True)]

    def second_logits(self, listings: Sequence[Listing]) -> np.ndarray | None:
        """The second reader's logits (N, 1 + C) of each listing's first window; `None` without one."""
        if self.second is None:
            return None
        texts = [listing_text(split_windows(listing)[0]) for listing in listings]
        batches = [texts[start : start + WIDE] for start in range(0, len(texts), WIDE)]
        return np.concatenate(list(map_on_cores(self.second.read, batches, self._cores)))

    def digit_log_probs(self, listings: Sequence[Listing]) -> np.ndarray:
        """Uncalibrated log-probabilities (N, C, 5) of the direct answer's digits, of each listing's first window: what
        calibration is fitted on."""
        prefix, size = self._policy_prefix(), self.batch_size
        rests = [self.encoder.rest_ids(split_windows(listing)[0], "direct") for listing in listings]

        def read(batch: list[list[int]]) -> np.ndarray:
            return np.asarray(read_answers(self.model, self.encoder, prefix, batch).digits_BCD.cpu().numpy())

        batches = [rests[start : start + size] for start in range(0, len(rests), size)]
        return np.concatenate(list(map_on_cores(read, batches, self._cores)))

    def _policy_prefix(self) -> Prefix:
        with self._prefix_lock:  # batches are read side by side: the first computes it, the others wait
            if self._prefix is None:
                self._prefix = forward_prefix(self.model, self.encoder)
            return self._prefix

    def _read(self, rests: list[list[int]]) -> list[WindowReading]:
        """One batch of prompts (without the policy prefix) to digit distributions and parsed answers."""
        prefix = self._policy_prefix()
        reasonings: list[list[int]] = [[] for _ in rests]
        if self.mode == "think":
            reasonings = generate(
                self.model, self.encoder, prefix, rests, MAX_REASONING_TOKENS, stop_text=REASONING_CLOSE + "\n"
            )
        prompts = [rest + reasoning for rest, reasoning in zip(rests, reasonings, strict=True)]
        readout = read_answers(self.model, self.encoder, prefix, prompts)
        decode = self.encoder.tokenizer.decode
        texts = [
            decode([*reasoning, *answer])
            for reasoning, answer in zip(reasonings, readout.answer_BA.tolist(), strict=True)
        ]
        off_layout = [index for index, ok in enumerate(readout.as_laid_out_B.tolist()) if not ok]
        if off_layout:  # greedy decoding leaves the drafted layout: let it speak, and parse what it says
            limit = readout.answer_BA.shape[1] + 16
            spoken = generate(self.model, self.encoder, prefix, [prompts[i] for i in off_layout], limit)
            for index, tokens in zip(off_layout, spoken, strict=True):
                texts[index] = decode([*reasonings[index], *tokens])
        digits = readout.digits_BCD.cpu().numpy()
        return [
            WindowReading(digits[index], parse_answer(text, self.policy.category_ids, self.mode))
            for index, text in enumerate(texts)
        ]

    def _verdict(self, listing: Listing, windows: list[list[WindowReading]]) -> Verdict:
        """One verdict from a listing's windows, each read in one view or two. An answer that does not parse leaves the
        listing to a person, unless another breaks a rule already: that stands, whatever the unread one holds."""
        verdict = partial(
            Verdict,
            id=listing.id,
            model=self.name,
            policy_version=self.policy.version_label,
            windows=len(windows),
        )
        readings = [reading for views_of_one in windows for reading in self._worse(listing, views_of_one)]
        parsed = [reading for reading in readings if reading.answer.ratings is not None]
        joined = verdict(**self._join(listing, parsed)) if parsed else None
        if joined and (len(parsed) == len(readings) or joined.decision == "disallow"):
            return joined
        failed = next(reading.answer for reading in readings if reading.answer.ratings is None)
        return verdict(
            decision=self.policy.decide(None),
            ratings=None,
            scores=None,
            parse_ok=False,
            reasoning=failed.reasoning,
        )

    def _worse(self, listing: Listing, readings: list[WindowReading]) -> list[WindowReading]:
        """Of two views of a window the one with the stricter decision, then the one more likely to break a rule, as a
        whole: what each says a little of must not add up. All of them where one does not parse."""
        if len(readings) == 1 or any(reading.answer.ratings is None for reading in readings):
            return readings

        def badness(reading: WindowReading) -> tuple[int, float]:
            joined = self._join(listing, [reading])
            total = sum(joined["scores"].values())
            return get_args(Decision).index(joined["decision"]), float(np.nan_to_num(total, nan=np.inf))

        return [max(readings, key=badness)]

    def _join(self, listing: Listing, readings: list[WindowReading]) -> dict[str, Any]:
        """What windows that parsed say together: for each category the one that looks worst counts."""
        names = self.policy.category_ids
        probabilities_WCD = np.stack(
            [self.calibration.apply(reading.log_digits, names, reading.second) for reading in readings]
        )
        at_least_WCD = probabilities_WCD[..., ::-1].cumsum(-1)[..., ::-1]
        violation_WC = at_least_WCD[..., VIOLATION]
        uncalibrated = None
        if self.calibration != Calibration():
            raw_WCD = np.stack([Calibration().apply(reading.log_digits) for reading in readings])
            raw_C = raw_WCD[..., VIOLATION:].sum(-1).max(0)
            uncalibrated = {name: float(score) for name, score in zip(names, raw_C, strict=True)}
        scores = {name: float(score) for name, score in zip(names, np.fmax.reduce(violation_WC), strict=True)}
        review = {name: float(score) for name, score in zip(names, at_least_WCD[..., BORDERLINE].max(0), strict=True)}
        thresholds = [category.thresholds for category in self.policy.categories]
        disallow_C, review_C = [one.disallow for one in thresholds], [one.review for one in thresholds]
        rated_WC = rate(probabilities_WCD, disallow_C, review_C, self.calibration.bounds)
        ratings = Ratings(zip(names, rated_WC.max(0).tolist(), strict=True))
        worst = readings[int(violation_WC.max(1).argmax())].answer
        decision = self.policy.decide(ratings, scores, review)
        if decision == "disallow" and ratings.top < VIOLATION:
            # Sure that a rule is broken, unsure which: the likeliest gets the rating.
            likeliest = max(scores, key=scores.__getitem__)
            ratings = Ratings({**ratings, likeliest: VIOLATION})
        return {
            "decision": decision,
            "ratings": ratings,
            "scores": scores,
            "uncalibrated": uncalibrated,
            "reasoning": worst.reasoning,
            "evidence": grounded_quotes(worst, listing),
        }


def _check_categories(model: str, policy: Policy, trained: Sequence[str] | None) -> None:
    """Order counts: the model writes one digit after the other."""
    if trained is not None and list(trained) != list(policy.category_ids):
        raise OtherCategoriesError(
            f"model {model} was trained for the categories {', '.join(trained)}, not for those of policy "
            f"{policy.version_label} ({', '.join(policy.category_ids)}); name a model trained for this policy "
            "(modsmith train sft --set policy=FILE makes one), or the policy that the model was trained for"
        )
