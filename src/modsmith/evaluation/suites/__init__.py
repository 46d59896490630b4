"""Suites: further test sets, each asking one question. A suite is a folder with a card and a loader.

`card.yaml` says what is asked, where the items come from, under which licence, how labels map to ratings, how many
items a run takes, and which number is the answer. `load.py` has `load(context) -> list[Item]`. Adding a suite is adding
a folder.

Failure rule: a loader that cannot run (no data at the given place, a policy without the category it needs) raises
`NotRunError` with one sentence, and the suite is reported as not run, never as passed.
"""

from modsmith.evaluation.suites.items import Context, Item, NotRunError
from modsmith.evaluation.suites.registry import Card, Suite, load_suite, suite_names

__all__ = ["Card", "Context", "Item", "NotRunError", "Suite", "load_suite", "suite_names"]
