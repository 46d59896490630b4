"""One evaluation from start to end: systems and suites are gathered, every listing is judged, the report is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from modsmith.corpus import Example, load_corpus, of_split
from modsmith.errors import UserError
from modsmith.evaluation.embeddings import embeddings_missing
from modsmith.evaluation.gate import judge_release, read_sheet
from modsmith.evaluation.judged import CORPUS, Judged, item_records
from modsmith.evaluation.mistakes import describe_items, find_mistakes
from modsmith.evaluation.probes import EMBEDDINGS, fit_probes
from modsmith.evaluation.provenance import common_provenance, describe_baselines, describe_corpus, describe_suite
from modsmith.evaluation.publish import publish
from modsmith.evaluation.ranks import FPR_LIMIT
from modsmith.evaluation.remote import Address, ChatModel, ModerationRoute
from modsmith.evaluation.report import Board, print_comparison, print_not_run, write_report
from modsmith.evaluation.side_by_side import side_by_side
from modsmith.evaluation.suites import NotRunError, Suite, load_suite, suite_names
from modsmith.evaluation.suites.measure import measure_suite
from modsmith.evaluation.suites.registry import read_card
from modsmith.evaluation.summary import summarise
from modsmith.evaluation.systems import Remembering, System
from modsmith.files import atomic_write
from modsmith.judge import Judge
from modsmith.policy import Policy
from modsmith.prompt import MODES, Mode
from modsmith.ratings import Verdict
from modsmith.training.plan import take_units

ProgressBar = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class More:
    """What an evaluation may have beside a corpus and models."""

    suites: Sequence[str] = ()
    """Names, or "all"."""
    limit: int | None = None
    """At most about this many listings of the corpus, and of each suite."""
    data: Path | None = None
    """Folder of the public sets."""
    base_rate: float | None = None
    """Share of disallowed listings in the customer's own traffic."""
    fpr_limit: float = FPR_LIMIT
    """The false-positive rate at which recall is read."""
    chats: Sequence[str] = ()
    """`[NAME=]MODEL@ADDRESS` of chat models."""
    moderations: Sequence[str] = ()
    """`[NAME=]MODEL@ADDRESS` of moderation routes."""
    key: str = ""
    """API key of the servers."""
    embeddings: bool = False
    compare: tuple[str, str] | None = None
    sheet: Path | None = None
    publish: Path | None = None
    """A Markdown page that takes the report between its markers (`publish`)."""

    def __post_init__(self) -> None:
        if self.base_rate is not None and not 0 < self.base_rate < 1:
            raise UserError(f"--base-rate {self.base_rate}: give a share between 0 and 1, such as 0.02")
        if not 0 < self.fpr_limit < 1:
            raise UserError(f"--fpr {self.fpr_limit}: give a share between 0 and 1, such as 0.05")

    @property
    def suite_names(self) -> list[str]:
        """The suites to run, each once. Raises `UserError` for unknown names."""
        names = suite_names() if "all" in self.suites else list(dict.fromkeys(self.suites))
        for name in names:
            read_card(name)
        return names


def evaluate_models(
    corpus: str,
    models: Sequence[str],
    policy: Policy,
    out: Path,
    split: str | None = None,
    baselines: bool = True,
    train_corpus: str = "standard",
    resamples: int = 1000,
    seed: int = 0,
    progress: ProgressBar | None = None,
    training: dict[str, list[dict[str, Any]]] | None = None,
    more: More | None = None,
) -> Path:
    """Judge one corpus, and suites, with several systems beside baselines trained on `train_corpus`; write and print
    the report, and `items.jsonl` with what every system said of every item of the corpus and the suites.

    A model is `NAME=MODEL:MODE`, NAME and MODE optional. Without `split`, a corpus is judged on its test split and a
    single file whole. A server that cannot be asked and a suite that cannot be run are reported as not run. Returns
    the path of the HTML page.
    """
    more = more or More()
    examples = load_corpus(corpus, policy, reasons=False)
    split = split or ("all" if Path(corpus).is_file() else "test")
    whole = of_split(examples, split)
    test = take_units(whole, more.limit, seed)
    sheet = read_sheet(more.sheet)
    suites, suites_not_run = _load_suites(more, whole, policy, seed)
    named = [parse_model(text) for text in models]
    addresses = [("chat", Address.parse(text, "--chat")) for text in more.chats]
    addresses += [("moderation", Address.parse(text, "--moderation")) for text in more.moderations]
    _check_names([name for name, _, _ in named] + [address.name for _, address in addresses])
    listings = len(test) + sum(len(suite.items) for suite in suites)
    count = _Counter(progress, listings * (len(named) + len(addresses)))

    verdicts: dict[str, list[Verdict]] = {}
    sets = [Judged(CORPUS, test, verdicts), *map(_unjudged, suites)]
    not_run: dict[str, str] = {}

    abouts: dict[str, dict[str, Any]] = {}

    def judge_all(name: str, system: System, tick: Callable[[int], None] | None, about: dict[str, Any]) -> None:
        abouts[name] = about | getattr(system, "provenance", {})
        remembering = Remembering(system)
        try:
            said = [remembering.rate([example.listing for example in one.examples], tick) for one in sets]
        except UserError as error:
            if isinstance(system, Judge):
                raise  # a model of one's own that cannot be run is no finding
            not_run[name] = str(error)
            return
        for one, found in zip(sets, said, strict=True):
            one.verdicts[name] = found

    for name, model, mode in named:
        about = {"kind": "model", "model": model, "mode": mode}
        judge_all(name, Judge.load(model, policy, mode), count, about)
    for kind, address in addresses:
        log = out / "answers" / f"{kind}-{_file_name(address.name)}.jsonl"
        remote = (ChatModel if kind == "chat" else ModerationRoute)(address, policy, log, more.key)
        judge_all(address.name, remote, count, {"kind": kind, "model": address.model})
    if more.embeddings and (why := embeddings_missing()):
        not_run[EMBEDDINGS] = why
    if baselines or more.embeddings:
        learn_from = of_split(load_corpus(train_corpus, policy), "train")
        held = {example.group for example in whole}
        learn_from = [example for example in learn_from if example.group not in held]
        learnt = describe_baselines(train_corpus, learn_from, seed)
        for name, probe in _baselines(learn_from, policy, seed, baselines, more.embeddings):
            judge_all(name, probe, None, learnt)
    if not verdicts:
        raise UserError("no system could be measured: " + "; ".join(f"{name}: {why}" for name, why in not_run.items()))

    provenance = common_provenance(policy, resamples, seed, more.base_rate)
    provenance["systems"] = {name: about for name, about in abouts.items() if name in verdicts}
    provenance["data"] = {
        CORPUS: describe_corpus(corpus, split, examples, whole, test),
        **{suite.name: describe_suite(suite) for suite in suites},
    }
    summary = summarise(verdicts, test, policy, provenance, resamples, seed, more.base_rate, more.fpr_limit)
    if not_run:
        summary["not_run"] = not_run
    if suites or suites_not_run:
        measured = {
            suite.name: {
                name: {"from": {"system": name, "data": suite.name}}
                | measure_suite(suite, said, policy, resamples, seed)
                for name, said in judged.verdicts.items()
            }
            for suite, judged in zip(suites, sets[1:], strict=True)
        }
        summary["suites"] = _suites_section(more.suite_names, suites, suites_not_run, measured)
    _add_items(summary, sets, more.compare, policy)
    own = [name for name in Board.of(summary).models if name in {name for name, _, _ in named}]
    if own:  # the best of one's own models; a rival behind a server is not what is released
        summary["acceptance"] = judge_release(summary, sheet, own[0])
    files = write_report(summary, out, training)
    with atomic_write(out / "items.jsonl") as file:
        for judged in sets:
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in item_records(judged, policy))
    if more.publish:
        text = files["markdown"].read_text("utf-8")
        publish(text.replace(str(more.data), "DATA") if more.data else text, more.publish)  # no path of this machine
    print_comparison(summary, Console())
    print_not_run(summary, Console(stderr=True))
    return files["html"]


def parse_model(text: str) -> tuple[str, str, Mode]:
    """`NAME=MODEL:MODE` -> (name, model, mode)."""
    name, equals, rest = text.partition("=")
    model = rest if equals else text
    mode: Mode = "direct"
    for known in MODES:
        if model.endswith(f":{known}"):
            model, mode = model.removesuffix(f":{known}"), known
    if not model:
        raise UserError(f"--model {text!r}: write MODEL, MODEL:think or NAME=MODEL")
    shown = name if equals else model if mode == "direct" else f"{model} ({mode})"
    return shown, model, mode


class _Counter:
    """Adds up what was judged, for a bar."""

    def __init__(self, progress: ProgressBar | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self(0)

    def __call__(self, count: int) -> None:
        self._done += count
        if self._progress:
            self._progress(self._done, self._total)


def _check_names(names: Sequence[str]) -> None:
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"two systems are called {twice[0]!r}; give one another name, as in NAME=MODEL")


def _load_suites(more: More, test: Sequence[Example], policy: Policy, seed: int) -> tuple[list[Suite], dict[str, str]]:
    """(suites, name -> why it is not run)."""
    found, not_run = [], {}
    for name in more.suite_names:
        try:
            found.append(load_suite(name, test, policy, more.data, more.limit, seed))
        except NotRunError as error:
            not_run[name] = str(error)
    return found, not_run


def _unjudged(suite: Suite) -> Judged:
    origins = [item.origin for item in suite.items]
    return Judged(suite.name, [item.example for item in suite.items], {}, suite.card.public, origins)


def _add_items(
    summary: dict[str, Any], sets: Sequence[Judged], compared: tuple[str, str] | None, policy: Policy
) -> None:
    """`mistakes` of every system that the page shows closely, `compare`, and the `items` that both point to."""
    keys: list[str] = []
    for name in Board.of(summary).shown:
        found = summary["systems"][name]["mistakes"] = find_mistakes(sets, name, policy)
        keys += [one["item"] for one in found["worst"]]
    if compared:
        summary["compare"] = side_by_side(sets, compared, policy)
        keys += [key for one in summary["compare"]["sets"] for side in ("only_a", "only_b") for key in one[side]]
    summary["items"] = describe_items(sets, keys)


def _suites_section(
    names: Sequence[str], suites: Sequence[Suite], not_run: dict[str, str], by_suite: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    sizes = {suite.name: len(suite.items) for suite in suites}
    return {
        name: {"card": read_card(name).model_dump()}
        | ({"not_run": not_run[name]} if name in not_run else {"listings": sizes[name], "systems": by_suite[name]})
        for name in names
    }


def _baselines(
    train: Sequence[Example], policy: Policy, seed: int, probes: bool, embeddings: bool
) -> Iterator[tuple[str, System]]:
    if probes:
        yield from fit_probes(train, policy, seed).items()
    if embeddings and not embeddings_missing():
        from modsmith.evaluation.embeddings import fit_embeddings

        yield EMBEDDINGS, fit_embeddings(train, policy, seed)


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in name)
