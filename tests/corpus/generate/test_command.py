"""`modsmith corpus generate` as a process of its own: dry runs, kill -9, Ctrl-C, and what a person reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modsmith.corpus import load_corpus
from modsmith.policy import load_policy

from .conftest import ModelServer, Reply, lines_of

COMMAND = """
import sys, typer
from modsmith.cli.generate import generate
from modsmith.errors import UserError
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(generate)
try:
    app()
except UserError as error:
    sys.exit(f"modsmith: {error}")
"""


def start(
    server: ModelServer, source: Path | str, out: Path, *more: str, policy: Path | None = None
) -> subprocess.Popen[str]:
    given = ["--endpoint", server.url, "--model", "writer-1", "--from", str(source), "--out", str(out), *more]
    if policy:
        given += ["--policy", str(policy)]
    environment = {key: value for key, value in os.environ.items() if key not in ("MODSMITH_API_KEY", "OPENAI_API_KEY")}
    environment |= {"OPENAI_API_KEY": "sk-very-secret", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *given], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment,
    )  # fmt: skip


def until_asked(server: ModelServer, count: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while len(server.requests) < count:
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.01)


def test_a_dry_run_asks_and_writes_nothing(server: ModelServer, tmp_path: Path) -> None:
    prices = ("--price-in", "2", "--price-out", "8")
    said, errors = start(server, "written", tmp_path / "out", "--dry-run", *prices).communicate(timeout=60)
    assert server.requests == [] and not (tmp_path / "out").exists() and not errors
    assert "estimate  100 listings: 300 requests" in said and "$" in said and "from the length of the texts" in said
    assert said.count("--- system ---") == said.count("--- user ---") == 3
    assert all(f"-{task}-0 =====" in said for task in ("violate", "comply", "relaunder"))


def test_a_whole_run_is_told_in_few_lines(
    server: ModelServer, corpus_file: Path, plant_policy_file: Path, tmp_path: Path
) -> None:
    more = ("--count", "10", "--price-in", "1", "--price-out", "2", "--budget", "1")
    process = start(server, corpus_file, tmp_path / "out", *more, policy=plant_policy_file)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "accepted  10 of 10" in said and "as the server counts" in said and "$0.0060" in said
    assert "10 of 10: 10 accepted, $0.0060, about 0 s left" in errors
    assert len(load_corpus(tmp_path / "out" / "generated.jsonl", load_policy(plant_policy_file))) == 10
    assert "very-secret" not in said + errors
    assert server.requests[0].headers["authorization"] == "Bearer sk-very-secret"


def test_killed_and_resumed_nothing_is_paid_twice(
    server: ModelServer, seeds_file: Path, plant_policy_file: Path, tmp_path: Path
) -> None:
    server.script = lambda request: Reply(server.answer(request), wait=0.03)
    more = ("--tasks", "violate,relaunder", "--count", "20", "--concurrency", "4")
    out, lost = tmp_path / "out", 0
    for kill_at in (7, 31):
        process = start(server, seeds_file, out, *more, policy=plant_policy_file)
        until_asked(server, kill_at, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
        time.sleep(0.2)
        logged = (out / "responses.jsonl").read_bytes().count(b"\n")
        lost = len(server.requests) - logged
        assert 0 <= lost <= 8  # what was under way at each of the two kills
        assert not (out / "generated.jsonl").exists()
    process = start(server, seeds_file, out, *more, policy=plant_policy_file)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "accepted  20 of 20" in said
    assert len(server.requests) == 60 + lost
    assert len({record["key"] for record in lines_of(out / "responses.jsonl")}) == 60


def test_ctrl_c_waits_for_what_is_under_way(
    server: ModelServer, seeds_file: Path, plant_policy_file: Path, tmp_path: Path
) -> None:
    server.script = lambda request: Reply(server.answer(request), wait=0.1)
    out, more = tmp_path / "out", ("--tasks", "violate", "--count", "12", "--concurrency", "3")
    process = start(server, seeds_file, out, *more, policy=plant_policy_file)
    until_asked(server, 10, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "waiting for what is under way" in errors and "goes on from here" in errors and "Traceback" not in errors
    assert len(lines_of(out / "responses.jsonl")) == len(server.requests) < 36
    done = len(lines_of(out / "generated.jsonl"))
    assert 1 <= done < 12
    process = start(server, seeds_file, out, *more, policy=plant_policy_file)
    said, errors = process.communicate(timeout=60)
    assert "accepted  12 of 12" in said and len(server.requests) == 36, errors


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--tasks", "rewrite"), "--tasks 'rewrite'"),
        (("--price-in", "3"), "give both --price-in and --price-out"),
        (("--budget", "3"), "--budget needs --price-in"),
        (("--policy", "none.yaml"), "cannot read policy none.yaml"),
    ],
)
def test_faults_are_one_sentence(server: ModelServer, tmp_path: Path, more: tuple[str, ...], sentence: str) -> None:
    process = start(server, "written", tmp_path / "out", *more)
    _, errors = process.communicate(timeout=60)
    assert process.returncode and sentence in errors and "Traceback" not in errors
    assert server.requests == []
