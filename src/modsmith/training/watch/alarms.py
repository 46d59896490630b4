"""Alarms: what usually goes wrong in post-training, told with its cause and the usual cure.

Each alarm is a pure function from the history of metric rows to one sentence with the figures, or `None`. It looks at
the end of the history, over a window wide enough that one odd step does not ring. Bands are relative to the run's own
beginning wherever a model's size or the answer's layout would move an absolute one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from modsmith.training.watch.history import History, Row, mean

SHORT, LONG = 5, 10
"""Rows that a window holds: for what shows at once, and for what is noisy with few groups a step."""
REARM = 20
"""Rows of silence after which an alarm may ring again."""
MAIN_PART = "decision"
"""The reward part that is meant to decide; any other that does most of the deciding rings."""

Check = Callable[[History], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One alarm: when it rings, why it usually does, what usually helps."""

    name: str
    check: Check
    cause: str
    cure: str
    spoils_weights: bool = False
    """True when the weights are already lost: a checkpoint made now would be worse than the last one."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule that rang."""

    name: str
    step: int
    finding: str
    cause: str
    cure: str
    spoils_weights: bool = False

    @property
    def sentence(self) -> str:
        """Everything in one line."""
        return f"{self.name}: {self.finding}. Likely cause: {self.cause}. Usual cure: {self.cure}."


def parse_rate_falls(history: History) -> str | None:
    """The mean of the last rows is a tenth below the best window, or below one half."""
    now = history.last("parse_rate", SHORT)
    if not now:
        return None
    values = history.values("parse_rate")
    best = max(mean(values[start : start + SHORT]) for start in range(len(values) - SHORT + 1))
    if mean(now) < 0.9 * best:
        return f"{_percent(mean(now))} of the completions can be read, {_percent(best)} could before"
    return f"only {_percent(mean(now))} of the completions can be read" if mean(now) < 0.5 else None


def most_groups_dead(history: History) -> str | None:
    """More than half of the groups of the last rows earned one and the same reward: no advantage, nothing learnt."""
    now = history.last("groups/dead", LONG)
    if not now or mean(now) <= 0.5:
        return None
    return f"in {_percent(mean(now))} of the last groups every completion earned the same"


def completions_hit_the_cap(history: History) -> str | None:
    """More than a fifth of the completions of the last rows were cut off."""
    now = history.last("length/at_cap", SHORT)
    return f"{_percent(mean(now))} of the completions were cut off at the cap" if now and mean(now) > 0.2 else None


def all_lengths_equal(history: History) -> str | None:
    """Reasoned completions of one length, row after row. Direct answers are, by their layout: they don't count."""
    now, cut = history.last("length/think_std", SHORT), history.last("length/at_cap", SHORT)
    if not now or max(now) > 0 or (cut and mean(cut) > 0.2):  # what was cut off has one length for another reason
        return None
    return f"the reasoned completions of {SHORT} rows in a row are all of one length"


def entropy_leaves_its_band(history: History) -> str | None:
    """A fifth of the entropy at the start, or three times as much (entropy collapse: Cui et al., 2505.22617)."""
    values, now = history.values("policy/entropy"), history.last("policy/entropy", SHORT)
    if len(values) < 2 * SHORT or not now:
        return None
    start, end = mean(values[:SHORT]), mean(now)
    if end < 0.2 * start:
        return f"entropy fell from {start:.3f} to {end:.3f} nats a token: every sample says the same"
    return (
        f"entropy rose from {start:.3f} to {end:.3f} nats a token: samples turn to noise" if end > 3 * start else None
    )


def one_reward_dominates(history: History) -> str | None:
    """A side part makes up more than 60 % of what tells completions of a group apart, or any part 98 %."""
    parts = history.keys("reward_share/")
    for key in parts if len(parts) > 1 else []:
        now, part = history.last(key, LONG), key.removeprefix("reward_share/")
        if now and mean(now) > (0.98 if part == MAIN_PART else 0.6):
            return f"{part} makes up {_percent(mean(now))} of what tells the completions of a group apart"
    return None


def predictions_slide(history: History) -> str | None:
    """Nearly one answer for all while the listings are mixed; or the held-out recall vanishes, or flags take over."""
    said, gold = history.last("predicted/flagged", LONG), history.last("gold/flagged", LONG)
    if said and gold and 0.2 <= mean(gold) <= 0.8 and not 0.05 < mean(said) < 0.95:
        return f"{_percent(mean(said))} of the completions flag their listing, {_percent(mean(gold))} should"
    recall, wrong = history.values("held_out/recall"), history.values("held_out/fpr")
    if recall and recall[-1] < 0.05 and max(recall) >= 0.3:
        return f"held-out recall went from {max(recall):.2f} to {recall[-1]:.2f}: hardly anything is flagged any more"
    if wrong and wrong[-1] > 0.9 and min(wrong) < 0.5:
        return f"the held-out false-positive rate went from {min(wrong):.2f} to {wrong[-1]:.2f}: nearly all is flagged"
    return None


def reward_up_held_out_down(history: History) -> str | None:
    """Two held-out scores in a row below the best F1 (the last by 0.05) while the reward since then is higher."""
    scores = history.points("held_out/f1")
    if len(scores) < 3:
        return None
    best_step, best = max(scores, key=lambda point: point[1])
    later = [value for step, value in scores if step > best_step]
    if len(later) < 2 or later[-1] > best - 0.05 or later[-2] > best - 0.025:
        return None
    rewards = history.points("reward/total")
    before = [value for step, value in rewards if step <= best_step][-LONG:]
    after = [value for step, value in rewards if step > best_step][-LONG:]
    if len(before) < SHORT or len(after) < SHORT or mean(after) <= mean(before) + 0.02:
        return None
    change = f"the reward rose from {mean(before):.2f} to {mean(after):.2f} since step {best_step}"
    return f"{change} while held-out F1 fell from {best:.2f} to {later[-1]:.2f}"


def gradient_not_finite(history: History) -> str | None:
    """The last gradient norm or loss is NaN or infinite."""
    for key in ("optim/grad_norm", "train/loss"):
        values = history.raw(key)
        if values and not math.isfinite(values[-1]):
            return f"{key} is {values[-1]}"
    return None


RULES: tuple[Rule, ...] = (
    Rule(
        "gradient is not a number",
        gradient_not_finite,
        "the learning rate is too high, or bf16 overflowed; the weights are lost from this step on",
        "go on from the last checkpoint with a lower learning_rate, a longer warmup_share, or precision: fp32",
        spoils_weights=True,
    ),
    Rule(
        "parse rate falls",
        parse_rate_falls,
        "the policy drifts off the answer's layout, because the learning rate is too high or a reward pays for text "
        "around it; or the start model never had the layout",
        "lower learning_rate or temperature, set beta above 0, or start from an SFT run with a higher parse rate",
    ),
    Rule(
        "most groups are dead",
        most_groups_dead,
        "the listings are too easy or too hard for this model, or too few completions are compared",
        "narrow unsure_low and unsure_high, raise group_size or temperature, or give it harder listings",
    ),
    Rule(
        "completions hit the cap",
        completions_hit_the_cap,
        "the reasoning rambles, or the cap is too tight for this policy; what is cut off cannot be read and earns -1",
        "raise max_completion_tokens, or the weight of the length part",
    ),
    Rule(
        "all lengths are equal",
        all_lengths_equal,
        "the reasoning has become a fixed phrase that does not depend on the listing",
        "raise temperature or the weight of the grounding part, and read the completions in modsmith runs show",
    ),
    Rule(
        "entropy leaves its band",
        entropy_leaves_its_band,
        "falling: the policy has settled on one answer and explores no more; rising: the updates are too large",
        "falling: raise temperature or stop earlier; rising: lower learning_rate or set beta above 0",
    ),
    Rule(
        "one reward part dominates",
        one_reward_dominates,
        "its weight or its range is out of proportion, so the other parts steer nothing",
        "lower its entry in reward_weights, or raise the others",
    ),
    Rule(
        "predictions slide to one class",
        predictions_slide,
        "one answer pays better on average, by the classes' shares or by the policy's costs",
        "balance the items, bring the costs of miss and false_alarm closer, or lower learning_rate",
    ),
    Rule(
        "reward up, held-out F1 down",
        reward_up_held_out_down,
        "the reward is being gamed, or the training listings are learnt by heart",
        "take best/ instead of final/, read the best-paid completions, train on more listings or for fewer steps",
    ),
)


class AlarmBell:
    """Follows a run row by row; each alarm rings once, and again only after `REARM` rows of silence."""

    def __init__(self, rows: Iterable[Row] = (), rules: tuple[Rule, ...] = RULES) -> None:
        """`rows` are those of a run that goes on: what they rang is known already."""
        self.history, self._rules = History(), rules
        self._silent = dict.fromkeys((rule.name for rule in rules), REARM)
        for row in rows:
            self.ring(row)

    def ring(self, row: Row) -> list[Alarm]:
        """Add one row; returns the alarms that begin with it."""
        self.history.add(row)
        rung = []
        for rule in self._rules:
            finding = rule.check(self.history)
            if finding and self._silent[rule.name] >= REARM:
                step = int(row.get("step", 0))
                rung.append(Alarm(rule.name, step, finding, rule.cause, rule.cure, rule.spoils_weights))
            self._silent[rule.name] = 0 if finding else self._silent[rule.name] + 1
        return rung


def alarms_of(rows: Iterable[Row]) -> list[Alarm]:
    """Every alarm of a finished run, in the order they rang."""
    bell = AlarmBell()
    return [alarm for row in rows for alarm in bell.ring(row)]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
