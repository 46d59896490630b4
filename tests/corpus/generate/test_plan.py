"""Seeds, axes and the order of jobs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from modsmith.corpus.generate.axes import AS_IT_IS, PLACES
from modsmith.corpus.generate.plan import NOT_SCREENED, Seeds, load_seeds, parse_tasks, plan_jobs
from modsmith.errors import UserError
from modsmith.policy import Policy, load_policy

from .conftest import seed_records


def plain(folder: Path, *records: Any, name: str = "plain.jsonl") -> str:
    path = folder / name
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records))
    return str(path)


def test_seeds_of_a_corpus_are_its_train_split(corpus_file: Path, plant_policy: Policy) -> None:
    seeds = load_seeds(str(corpus_file), plant_policy)
    assert (len(seeds.allowed), len(seeds.violating)) == (8, 8)
    assert seeds.left_out == {"validation split": 4, "test split": 4}
    assert len(seeds.known) == 24  # nothing of any split may be repeated


def test_plain_listings_count_as_allowed(tmp_path: Path, plant_policy: Policy) -> None:
    first, second, third = seed_records(3)
    linked = {**third, "description": "See www.shop-of-plants.com"}
    seeds = load_seeds(plain(tmp_path, {**first, "group": "seller-9"}, second, linked), plant_policy)
    assert [(seed.listing.id, seed.group) for seed in seeds.allowed] == [("s0", "seller-9"), ("s1", "s1")]
    assert not seeds.violating and seeds.left_out == {"breaks a limit: live link": 1}
    table = tmp_path / "a.csv"
    table.write_text("id,title,description\n1,Fern,A fern\n", "utf-8")
    assert load_seeds(str(table), plant_policy).allowed[0].listing.title == "Fern"


def test_what_nobody_has_rated_or_screened_is_no_seed(tmp_path: Path, plant_policy: Policy) -> None:
    one, two, three = seed_records(3)
    collected = load_seeds(plain(tmp_path, {**one, "label": "weakly_allowed"}, two), plant_policy)
    assert [seed.listing.id for seed in collected.allowed] == ["s1"] and collected.left_out == {NOT_SCREENED: 1}
    rated = {"ratings": {}, "rationale": "Was on sale.", "split": "train"}
    marks = ("weakly allowed: shop.csv", "weakly allowed, screened: shop.csv", "written")
    rows = [record | rated | {"source": mark} for record, mark in zip((one, two, three), marks, strict=True)]
    imported = load_seeds(plain(tmp_path, *rows), plant_policy)
    assert [seed.listing.id for seed in imported.allowed] == ["s1", "s2"] and imported.left_out == {NOT_SCREENED: 1}
    nothing = load_seeds(plain(tmp_path, rows[0]), plant_policy)
    with pytest.raises(UserError, match="no allowed listings .* 1 left out: weakly allowed and not screened"):
        plan_jobs(nothing, plant_policy, ["violate"], 1, 0)


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([], "holds no listings"),
        (["{"], "line 1: not JSON"),
        ([{"title": "a"}, {"price": "9"}], "line 2: the listing is empty"),
        ([{"id": "a", "title": "a"}, {"id": "a", "title": "b"}], "the id a is used twice"),
        ([{"title": "a"}, {"title": "b", "ratings": {}}], "line-2 has ratings, but the first line has none"),
    ],
)
def test_faulty_sources(tmp_path: Path, plant_policy: Policy, records: list[Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load_seeds(plain(tmp_path, *records), plant_policy)


def test_a_source_that_is_not_there(plant_policy: Policy) -> None:
    with pytest.raises(UserError, match="there is no corpus at nowhere.jsonl"):
        load_seeds("nowhere.jsonl", plant_policy)


@pytest.fixture
def seeds(corpus_file: Path, plant_policy: Policy) -> Seeds:
    return load_seeds(str(corpus_file), plant_policy)


def test_a_larger_count_only_adds(seeds: Seeds, plant_policy: Policy) -> None:
    tasks = parse_tasks("violate,comply,relaunder")
    small, large = ([job for unit in plan_jobs(seeds, plant_policy, tasks, n, 3) for job in unit] for n in (10, 60))
    assert large[:10] == small and len(large) == 60
    assert len({job.name for job in large}) == 60
    assert Counter(job.task for job in large) == {"violate": 20, "comply": 20, "relaunder": 20}
    assert small != [job for unit in plan_jobs(seeds, plant_policy, tasks, 10, 4) for job in unit]


def test_axes(seeds: Seeds, plant_policy: Policy) -> None:
    units = plan_jobs(seeds, plant_policy, parse_tasks("violate,comply,relaunder"), 240, 0)
    jobs = [job for unit in units for job in unit]
    for job in jobs:
        assert job.axes.severity in ((3, 4) if job.task == "violate" else (0, 1))
        assert job.axes.category == job.seed.category
        assert job.task == "relaunder" or job.axes.tone == AS_IT_IS
    for unit in units:  # the sides of a twin share what is drawn, so that none of it gives the label away
        assert len({(job.axes.persona, job.axes.product, job.axes.place, job.axes.saying) for job in unit}) == 1
    for axis, least in (("persona", 14), ("product", 9), ("tone", 10), ("saying", 2), ("place", 5), ("severity", 4)):
        assert len({getattr(job.axes, axis) for job in jobs}) >= least, axis
    assert {job.axes.place for job in jobs} == set(PLACES)


def test_categories_take_turns_where_the_seed_has_none(seeds_file: Path) -> None:
    policy = load_policy()
    jobs = plan_jobs(load_seeds(str(seeds_file), policy), policy, ("violate",), 36, 0)
    counts = Counter(job.axes.category for unit in jobs for job in unit)
    assert set(counts) == set(policy.category_ids) and max(counts.values()) - min(counts.values()) <= 2


def test_the_deciding_fact_stands_where_the_seed_has_room(tmp_path: Path, plant_policy: Policy) -> None:
    found = load_seeds(plain(tmp_path, *({"id": f"s{n}", "title": f"Fern {n}"} for n in range(40))), plant_policy)
    units = plan_jobs(found, plant_policy, ("violate",), 40, 0)
    assert {job.axes.place for unit in units for job in unit} == {"the title"}


def test_tasks(seeds_file: Path, plant_policy: Policy) -> None:
    assert parse_tasks(" relaunder, violate,violate") == ("violate", "relaunder")
    for text in ("", ",", "violate,rewrite"):
        with pytest.raises(UserError, match="--tasks"):
            parse_tasks(text)
    found = load_seeds(str(seeds_file), plant_policy)
    with pytest.raises(UserError, match="no violating listings .* for the task comply"):
        plan_jobs(found, plant_policy, ("violate", "comply"), 4, 0)
