"""Whole runs against a scripted server: what is asked, what is kept, what it costs, how it ends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from modsmith.corpus import load_corpus
from modsmith.corpus.generate import Generation, Prices
from modsmith.corpus.generate.responses import ResponseLog
from modsmith.errors import UserError
from modsmith.policy import Policy

from .conftest import ModelServer, Reply, Request, lines_of, shown_listing

Make = Callable[..., Generation]


def test_what_is_generated_is_a_corpus(
    make: Make, server: ModelServer, corpus_file: Path, plant_policy: Policy, tmp_path: Path
) -> None:
    summary = make(corpus_file, count=18).run()
    assert summary["accepted"] == 18 and summary["stopped"] is None
    assert len(server.requests) == 3 * 18
    examples = load_corpus(tmp_path / "out" / "generated.jsonl", plant_policy)
    sources = {example.id: example for example in load_corpus(corpus_file, plant_policy)}
    by_task = Counter(example.id.split("-")[1] for example in examples)
    assert by_task == {"violate": 6, "comply": 6, "relaunder": 6}
    for example in examples:
        seed = sources[example.id.split("-")[0]]
        assert (example.kind, example.source, example.generator) == ("twin", "generated", "writer-1")
        assert example.group == seed.group and example.category == seed.category
        assert seed.split == "train" and example.split == "train"
        assert example.violates == ("violate" in example.id)
        assert example.voice and example.problem() is None
    pairs = Counter(example.twin for example in examples if "comply" not in example.id)
    assert set(pairs.values()) == {2} and summary["whole_twins"] == 6


def test_cost_is_what_the_server_counts(make: Make, server: ModelServer, seeds_file: Path) -> None:
    summary = make(seeds_file, tasks=("violate",)).run()
    paid = summary["cost"]["this_run"]
    assert (paid["requests"], paid["tokens_in"], paid["tokens_out"]) == (36, 3600, 1800)
    assert paid["dollars"] == pytest.approx(36 * (100 * 1 + 50 * 2) / 1e6)
    assert paid["answers_without_usage"] == 0
    assert summary["cost"]["estimate_before"]["requests"] == 36


def test_without_prices_and_usage_nothing_is_made_up(make: Make, server: ModelServer, seeds_file: Path) -> None:
    server.script = lambda request: Reply(server.answer(request), usage=None)
    summary = make(seeds_file, tasks=("violate",), count=2, prices=Prices()).run()
    paid = summary["cost"]["this_run"]
    assert paid["dollars"] is None and paid["answers_without_usage"] == 6 and paid["tokens_in"] > 6


def test_the_same_run_again_asks_nothing(make: Make, server: ModelServer, seeds_file: Path, tmp_path: Path) -> None:
    tasks = ("violate", "relaunder")
    make(seeds_file, tasks=tasks).run()
    first, asked = (tmp_path / "out" / "generated.jsonl").read_bytes(), len(server.requests)
    summary = make(seeds_file, tasks=tasks).run()
    assert len(server.requests) == asked
    assert (tmp_path / "out" / "generated.jsonl").read_bytes() == first
    assert summary["cost"]["this_run"]["requests"] == 0 and summary["cost"]["this_folder"]["requests"] == asked
    make(seeds_file, tasks=tasks, count=14).run()
    assert len(server.requests) == asked + 2 * 3


def test_a_violating_twin_is_made_from_the_retelling(make: Make, server: ModelServer, seeds_file: Path) -> None:
    make(seeds_file, tasks=("violate", "relaunder"), count=2).run()
    retell, violate = (request.prompt for request in server.asked("writer"))
    assert shown_listing(violate)["description"] == server.write(retell, shown_listing(retell))["description"]


def test_a_twin_without_a_retelling_starts_from_the_seed(make: Make, server: ModelServer, seeds_file: Path) -> None:
    server.script = lambda request: "I'm sorry, I can't help with that." if "Retell" in request.prompt else None
    summary = make(seeds_file, tasks=("violate", "relaunder"), count=2).run()
    retell, violate = (request.prompt for request in server.asked("writer"))
    assert shown_listing(violate) == shown_listing(retell)
    assert (summary["accepted"], summary["rejected_by"]) == (1, {"refusal": 1})


def of_writer(server: ModelServer, **changes: object) -> Callable[[Request], str | None]:
    """The faultless writer's JSON with some keys changed; `...` leaves a key out."""

    def script(request: Request) -> str | None:
        if request.role != "writer":
            return None
        record = server.write(request.prompt, shown_listing(request.prompt)) | changes
        return json.dumps({key: value for key, value in record.items() if value is not ...})

    return script


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rationale": ...}, "schema"),
        ({"mood": "calm"}, "schema"),
        ({"ratings": {"spam": 3}}, "schema"),
        ({"ratings": {"wild_taken": 7}}, "schema"),
        ({"title": "As an AI I made this"}, "refusal"),
        ({"rationale": "Write to me at ann@mail-host.com"}, "limit: e-mail address"),
        ({"ratings": {}}, "assignment"),
        ({"evidence": "words that are not there"}, "evidence"),
        ({"description": "Short.", "evidence": "Short."}, "length"),
        ({"tags": []}, "layout"),
    ],
)
def test_rejections_are_named_counted_and_kept(
    make: Make, server: ModelServer, seeds_file: Path, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    server.script = of_writer(server, **changes)
    summary = make(seeds_file, tasks=("violate",), count=3).run()
    assert summary["rejected_by"] == {reason: 3} and summary["accepted"] == 0
    kept = lines_of(tmp_path / "out" / "rejected.jsonl")
    assert [record["reason"] for record in kept] == [reason] * 3
    assert all(record["answer"] and record["axes"]["category"] for record in kept)
    assert len(server.requests) == 3  # no reader is paid for what is rejected anyway


def test_broken_json_and_code_fences(make: Make, server: ModelServer, seeds_file: Path) -> None:
    def script(request: Request) -> str | None:
        if request.role == "writer" and request.number % 2:
            return '{"title": "half'
        return f"<think>hm</think>\n```json\n{server.answer(request)}\n```"

    server.script = script
    summary = make(seeds_file, tasks=("violate",), count=6, server_options={"concurrency": 1}).run()
    assert summary["accepted"] + summary["rejected_by"]["schema"] == 6 and summary["accepted"] >= 1


def test_readers_who_disagree_make_it_controversial(
    make: Make, server: ModelServer, seeds_file: Path, tmp_path: Path
) -> None:
    server.script = lambda request: '{"findings": []}' if request.role == "second reader" else None
    summary = make(seeds_file, tasks=("violate",), count=3).run()
    assert (summary["controversial"], summary["accepted"]) == (3, 0)
    for record in lines_of(tmp_path / "out" / "controversial.jsonl"):
        first, second = record["readers"]
        assert max(first.values()) >= 3 and max(second.values()) == 0 and record["claimed"] == first


def test_a_reader_who_cannot_be_read(make: Make, server: ModelServer, seeds_file: Path) -> None:
    server.script = lambda request: "It looks fine to me." if request.role == "first reader" else None
    assert make(seeds_file, tasks=("violate",), count=3).run()["rejected_by"] == {"judge": 3}


def test_the_second_reader_may_be_another_model(make: Make, server: ModelServer, seeds_file: Path) -> None:
    make(seeds_file, count=2, tasks=("violate",), second_model="reader-2").run()
    models = {(request.role, request.body["model"]) for request in server.requests}
    assert models == {("writer", "writer-1"), ("first reader", "writer-1"), ("second reader", "reader-2")}


def test_repeats_are_rejected_in_the_order_of_jobs(
    make: Make, server: ModelServer, seeds_file: Path, tmp_path: Path
) -> None:
    text = " ".join(f"word{number}" for number in range(20)) + "\n\nmore with plants inside"

    def script(request: Request) -> Reply | str | None:
        if request.role == "writer":
            category = request.prompt.split("deserves ")[1].split()[0]
            record = server.write(request.prompt, shown_listing(request.prompt))
            server._rated[text] = {"wild_taken": 3, "invasive_species": 0, "false_rarity": 0} | {category: 3}
            record |= {"title": "The same", "description": text, "evidence": "plants inside", "ratings": {category: 3}}
            return Reply(json.dumps(record), wait=0.1 if request.number == 0 else 0)
        return None

    server.script = script
    records = [json.loads(line) for line in seeds_file.read_text().splitlines()]
    seeds_file.write_text("".join(json.dumps(record | {"group": record["id"]}) + "\n" for record in records))
    run = make(seeds_file, tasks=("violate",), count=3, server_options={"concurrency": 3})
    for unit in run.units:  # one category for all, so that the readers' answers fit
        unit[:] = [type(job)(job.task, job.seed, _with_category(job.axes), job.round, job.base) for job in unit]
    summary = run.run()
    assert (summary["accepted"], summary["rejected_by"]) == (1, {"near duplicate": 2})
    (kept,) = lines_of(tmp_path / "out" / "generated.jsonl")
    assert kept["id"].startswith(run.jobs[0].name)


def _with_category(axes: object) -> object:
    import dataclasses

    return dataclasses.replace(axes, category="wild_taken", severity=3)  # type: ignore[type-var]


# --- what is written --------------------------------------------------------------------------------------------------


def test_the_key_is_sent_and_never_written(make: Make, server: ModelServer, seeds_file: Path, tmp_path: Path) -> None:
    run = make(seeds_file, tasks=("violate",), count=2, server_options={"key": "sk-very-secret"})
    run.run()
    assert server.requests[0].headers["authorization"] == "Bearer sk-very-secret"
    assert "very-secret" not in repr(run.settings)
    assert not [path for path in (tmp_path / "out").iterdir() if b"very-secret" in path.read_bytes()]


def test_what_may_not_be_kept_is_in_no_file(make: Make, server: ModelServer, seeds_file: Path, tmp_path: Path) -> None:
    server.script = of_writer(server, title="Gun kit", description="1. Drill it.\n2. Press it.\n3. Weld it. MARKER")
    summary = make(seeds_file, tasks=("violate",), count=2).run()
    assert summary["rejected_by"] == {"limit: instructions for harm": 2}
    assert not [path for path in (tmp_path / "out").iterdir() if b"MARKER" in path.read_bytes()]
    asked = len(server.requests)
    assert make(seeds_file, tasks=("violate",), count=2).run()["rejected"] == 2
    assert len(server.requests) == asked


# --- money -----------------------------------------------------------------------------------------------------------


def test_the_budget_is_kept_and_the_run_goes_on_with_more(
    make: Make, server: ModelServer, seeds_file: Path, tmp_path: Path
) -> None:
    server.script = lambda request: Reply(server.answer(request), usage=(1000, 2000), wait=0.01)
    prices = Prices(1.0, 2.0)  # 0.005 dollars an answer
    summary = make(seeds_file, tasks=("violate",), prices=prices, budget=0.06).run()
    assert summary["stopped"] == "budget" and summary["open"] and summary["accepted"] >= 1
    assert 0.03 <= summary["cost"]["this_folder"]["dollars"] <= 0.06
    before = len(server.requests)
    assert make(seeds_file, tasks=("violate",), prices=prices, budget=0.06).run()["stopped"] == "budget"
    assert len(server.requests) <= before + 1
    summary = make(seeds_file, tasks=("violate",), prices=prices, budget=1.0).run()
    assert summary["accepted"] == 12 and summary["stopped"] is None
    assert len(server.requests) == 36


def test_a_budget_needs_prices(make: Make, seeds_file: Path) -> None:
    with pytest.raises(UserError, match="--budget needs"):
        make(seeds_file, tasks=("violate",), prices=Prices(), budget=1.0).run()


# --- the folder ------------------------------------------------------------------------------------------------------


def test_a_folder_belongs_to_one_plan(make: Make, server: ModelServer, seeds_file: Path) -> None:
    make(seeds_file, tasks=("violate",), count=1).run()
    asked = len(server.requests)
    with pytest.raises(UserError, match="another seed"):
        make(seeds_file, tasks=("violate",), count=1, seed=5).run()
    with pytest.raises(UserError, match="another tasks"):
        make(seeds_file, tasks=("relaunder",), count=1).run()
    assert len(server.requests) == asked


def test_one_run_at_a_time(make: Make, server: ModelServer, seeds_file: Path, tmp_path: Path) -> None:
    with ResponseLog(tmp_path / "out" / "responses.jsonl"), pytest.raises(UserError, match="another run"):
        make(seeds_file, tasks=("violate",)).run()
    assert server.requests == []
