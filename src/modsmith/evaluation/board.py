"""The systems of a summary in reading order: which are models, which are probes, which is best."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modsmith.errors import UserError
from modsmith.evaluation.labels import METRICS
from modsmith.evaluation.report_plots import Estimate

_WORDS = re.compile(r"bag.?of.?words?|\bbow\b|tf.?idf")
_PROBE = re.compile(
    rf"{_WORDS.pattern}|probe|majority|function.?words?|embedding|^(always|random|constant|length|format)"
)


def is_probe(name: str, system: Mapping[str, Any]) -> bool:
    """Does the system decide without reading the policy? Its own `probe: true/false` wins over its name."""
    given = system.get("probe")
    return bool(_PROBE.search(name.lower())) if given is None else bool(given)


def _estimate(system: Mapping[str, Any], metric: str) -> Estimate | None:
    return Estimate.read((system.get("metrics") or {}).get(metric))


@dataclass(frozen=True, slots=True)
class Board:
    """The systems of a summary in reading order: models by F1, then probes by F1."""

    systems: dict[str, Mapping[str, Any]]
    models: list[str]
    probes: list[str]
    best: str | None
    words: str | None
    """The bag-of-words baseline, if it was run."""

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> Board:
        """Rank the systems of `summary`. Raises `UserError` when it has none."""
        systems = summary.get("systems")
        if not isinstance(systems, Mapping) or not systems:
            raise UserError("the evaluation summary has no systems to report; evaluate a model or a baseline first")
        ranked = sorted(systems, key=lambda name: -(e.value if (e := _estimate(systems[name], "f1")) else -1))
        probes = [name for name in ranked if is_probe(name, systems[name])]
        models = [name for name in ranked if name not in probes]
        scored = [name for name in models or probes if _estimate(systems[name], "f1")]
        words = next((name for name in ranked if _WORDS.search(name.lower())), None)
        return cls(dict(systems), models, probes, scored[0] if scored else None, words)

    @property
    def shown(self) -> list[str]:
        """The systems that are looked at closely: every model, and bag of words; without a model, the probes."""
        words = [self.words] if self.words and self.words not in self.models else []
        return self.models + words if self.models else self.probes

    def get(self, name: str | None, metric: str) -> Estimate | None:
        """One number of one system; `None` when the number or the system is missing."""
        return _estimate(self.systems[name], metric) if name else None

    def winners(self, metric: str) -> set[str]:
        """The models with the best printed value; none when all are equal or only one has a value."""
        values = {name: round(e.value, 2) for name in self.models if (e := self.get(name, metric))}
        if len(values) < 2 or len(set(values.values())) == 1:
            return set()
        best = (min if METRICS[metric].lower else max)(values.values())
        return {name for name, value in values.items() if value == best}
