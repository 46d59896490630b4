"""The command as a process of its own: its output, and that it goes on after being killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug import Request, Response

import modsmith

_RUN = """
import modsmith.cli as cli
from modsmith.cli.collect import app
cli.app = app
cli.main()
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    source = str(Path(modsmith.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, "gumroad", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
        # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run(*arguments: str) -> tuple[int, str, str]:
    process = start(*arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "the crawl did not get so far"
        time.sleep(0.01)


def ids(out: Path) -> list[str]:
    return [json.loads(line)["id"] for line in out.read_text().splitlines()]


@pytest.fixture
def shop(market: Any) -> tuple[str, list[str]]:
    names = [f"p{number}" for number in range(8)]
    for name in names:
        market.product(name)
    return market.cards("/", names), names


def test_counts_and_reasons_are_printed(market: Any, tmp_path: Path) -> None:
    market.product("pen")
    seeds = tmp_path / "seeds.txt"
    seeds.write_text(f"{market.cards('/', ['pen', 'gone'])}\n")
    code, out, err = run(str(seeds), "--out", str(tmp_path / "f.jsonl"), "--delay", "0", "--contact", "ann@example.org")
    assert code == 0
    assert "pages     2 (0 from the cache)" in out and "listings  1 new, 0 already there" in out
    assert "1  not_found: 404" in out and err == ""
    assert all("ann@example.org" in agent for agent in market.agents)


def test_nothing_collected_is_an_error_and_bad_input_one_sentence(market: Any, tmp_path: Path) -> None:
    code, out, _ = run(market.url("/l/none"), "--out", str(tmp_path / "f.jsonl"), "--delay", "0")
    assert code == 1 and "not_found" in out
    code, _, err = run("ftp://x", "--out", str(tmp_path / "f.jsonl"))
    assert code == 2 and "no address of a page" in err and "Traceback" not in err


def test_kill_and_resume_asks_for_no_page_twice(market: Any, shop: tuple[str, list[str]], tmp_path: Path) -> None:
    seed, names = shop
    out = tmp_path / "f.jsonl"
    process = start(seed, "--out", str(out), "--delay", "0.5")
    wait_for(lambda: out.is_file() and len(out.read_text().splitlines()) == 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    before = dict(market.pages_asked)
    assert before == {"/": 1, "/l/p0": 1, "/l/p1": 1, "/l/p2": 1}
    code, printed, _ = run(seed, "--out", str(out), "--delay", "0")
    assert code == 0 and "pages     9 (4 from the cache)" in printed
    assert "listings  5 new, 3 already there" in printed
    assert ids(out) == [f"id-{name}" for name in names]
    assert set(market.pages_asked.values()) == {1} and len(market.pages_asked) == 9


def test_killed_while_a_page_is_on_its_way(market: Any, shop: tuple[str, list[str]], tmp_path: Path) -> None:
    """Only what had not arrived is asked for again, and half a line is no harm."""
    seed, names = shop
    out = tmp_path / "f.jsonl"
    whole = market.handlers["/l/p3"]

    def slow(request: Request) -> Response:
        body = whole(request).get_data()

        def parts() -> Any:
            yield body[:100]
            market.gate.wait(10)
            yield body[100:]

        return Response(parts(), 200, {"Content-Type": "text/html; charset=utf-8"})

    market.handlers["/l/p3"] = slow
    process = start(seed, "--out", str(out), "--delay", "0")
    wait_for(lambda: market.asked["/l/p3"] == 1)
    process.kill()
    process.communicate()
    market.handlers["/l/p3"] = whole
    with out.open("a") as file:
        file.write('{"id": "id-p3", "tit')
    assert run(seed, "--out", str(out), "--delay", "0")[0] == 0
    assert ids(out) == [f"id-{name}" for name in names]
    assert {path for path, count in market.pages_asked.items() if count > 1} == {"/l/p3"}


def test_ctrl_c_prints_the_counts_so_far(market: Any, shop: tuple[str, list[str]], tmp_path: Path) -> None:
    seed, names = shop
    out = tmp_path / "f.jsonl"
    process = start(seed, "--out", str(out), "--delay", "0.5")
    wait_for(lambda: out.is_file() and len(out.read_text().splitlines()) == 2)
    process.send_signal(signal.SIGINT)
    printed, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert re.search("listings  [12] new", printed), "the second may have been written but not yet counted"
    assert "goes on from here" in err and "Traceback" not in err
    assert run(seed, "--out", str(out), "--delay", "0")[0] == 0
    assert ids(out) == [f"id-{name}" for name in names]
    assert set(market.pages_asked.values()) == {1}
