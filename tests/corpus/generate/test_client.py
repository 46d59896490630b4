"""A server with bad days: what is asked again, what ends the run, and how hard the server is pressed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modsmith.corpus.generate import Generation
from modsmith.errors import UserError

from .conftest import ModelServer, Reply, Request, lines_of

Make = Callable[..., Generation]


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        (Reply("slow down", status=429), {}),
        (Reply("oops", status=500), {}),
        (Reply("gateway", status=503, headers={"Content-Type": "text/html"}, body="<html>busy</html>"), {}),
        (Reply("half", cut=True), {}),
        (Reply("not json", body='{"id": "x", "cho'), {}),
        (Reply("no choices", body='{"error": {"message": "provider is down"}}'), {}),
        (Reply("slow", wait=2.5), {"timeout": 1.0}),
    ],
)
def test_what_passes_is_asked_again(
    make: Make, server: ModelServer, seeds_file: Path, fault: Reply, options: dict[str, float]
) -> None:
    server.script = lambda request: fault if request.number in (1, 4) else None
    summary = make(seeds_file, tasks=("violate",), count=3, server_options=options).run()
    assert summary["accepted"] == 3
    assert len(server.requests) == 9 + 2 == summary["cost"]["requests_sent"]
    assert summary["cost"]["this_run"]["requests"] == 9


@pytest.mark.parametrize("header", ["1", "date"])
def test_retry_after_is_waited_for(make: Make, server: ModelServer, seeds_file: Path, header: str) -> None:
    from email.utils import formatdate

    def script(request: Request) -> Reply | None:
        if request.number:
            return None
        value = formatdate(time.time() + 2, usegmt=True) if header == "date" else header
        return Reply("slow down", status=429, headers={"Retry-After": value})

    server.script = script
    make(seeds_file, tasks=("violate",), count=1).run()
    assert 0.9 <= server.requests[1].at - server.requests[0].at < 5


def test_a_request_that_fails_to_the_end_stays_open_and_is_asked_again(
    make: Make, server: ModelServer, seeds_file: Path
) -> None:
    bad = ""

    def script(request: Request) -> Reply | None:
        nonlocal bad
        if request.number == 5:
            bad = request.prompt
        return Reply("oops", status=500) if request.prompt == bad else None

    server.script = script
    summary = make(seeds_file, tasks=("violate",), count=3, server_options={"concurrency": 1}).run()
    assert (summary["accepted"], summary["open_by"]) == (2, {"no answer": 1})
    server.script, asked = (lambda request: None), len(server.requests)
    assert make(seeds_file, tasks=("violate",), count=3).run()["accepted"] == 3
    assert len(server.requests) == asked + 1


def test_a_server_that_goes_away_ends_the_run_with_what_there_is(
    make: Make, server: ModelServer, seeds_file: Path, tmp_path: Path
) -> None:
    server.script = lambda request: Reply("oops", status=500) if request.number >= 6 else None
    with pytest.raises(UserError, match=r"does not answer \(it answered 500\)"):
        make(seeds_file, tasks=("violate",), server_options={"concurrency": 1, "first_wait": 0.001}).run()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["accepted"], summary["open"], summary["stopped"]) == (2, 10, "server")
    assert len(lines_of(tmp_path / "out" / "generated.jsonl")) == 2


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply("Incorrect API key provided: sk-very-secret", status=401), "does not take the API key"),
        (Reply("no such model", status=404), "no model 'writer-1'"),
        (Reply("pay first", status=402), "used up"),
        (Reply("quota", status=429, headers={"code": "insufficient_quota"}), "used up"),
        (Reply("unknown field sk-very-secret", status=400), "takes no request"),
        (Reply("x", headers={"Content-Type": "text/html"}, body="<html>hello</html>"), "does the address end in /v1"),
    ],
)
def test_what_does_not_pass_ends_the_run_in_one_sentence(
    make: Make, server: ModelServer, seeds_file: Path, reply: Reply, sentence: str
) -> None:
    server.script = lambda request: Reply(reply.text, reply.status, dict(reply.headers), reply.body)
    options = {"key": "sk-very-secret", "concurrency": 2}
    with pytest.raises(UserError, match=sentence) as caught:
        make(seeds_file, server_options=options, tasks=("violate",)).run()
    assert "very-secret" not in str(caught.value) and "\n" not in str(caught.value)
    assert len(server.requests) <= 6


def test_nobody_there(make: Make, seeds_file: Path) -> None:
    with pytest.raises(UserError, match="does not answer"):
        make(seeds_file, server_options={"endpoint": "http://127.0.0.1:9/v1"}, tasks=("violate",)).run()
    with pytest.raises(UserError, match="is no web address"):
        make(seeds_file, server_options={"endpoint": "localhost"}, tasks=("violate",)).run()


def test_a_single_refused_request_does_not_end_the_run(make: Make, server: ModelServer, seeds_file: Path) -> None:
    server.script = lambda request: Reply("content filter", status=400) if request.number == 3 else None
    summary = make(seeds_file, tasks=("violate",), count=3, server_options={"concurrency": 1}).run()
    assert (summary["accepted"], summary["open_by"]) == (2, {"refused by the server": 1})


def test_servers_that_name_the_token_limit_otherwise(make: Make, server: ModelServer, seeds_file: Path) -> None:
    def script(request: Request) -> Reply | None:
        bad = "max_tokens" in request.body
        return Reply("Unsupported parameter: 'max_tokens'; use 'max_completion_tokens'", 400) if bad else None

    server.script = script
    assert make(seeds_file, tasks=("violate",), count=6).run()["accepted"] == 6
    assert server.requests[-1].body["max_completion_tokens"] == 2048


# --- manners ---------------------------------------------------------------------------------------------------------


def test_requests_under_way_are_bounded(make: Make, server: ModelServer, seeds_file: Path) -> None:
    server.script = lambda request: Reply(server.answer(request), wait=0.03)
    make(seeds_file, tasks=("violate",), server_options={"concurrency": 3}).run()
    assert 2 <= server.most_busy <= 3


def test_requests_are_spaced(make: Make, server: ModelServer, seeds_file: Path) -> None:
    make(seeds_file, tasks=("violate",), count=3, server_options={"requests_per_minute": 600}).run()
    times = [request.at for request in server.requests]
    assert times[-1] - times[0] >= 0.75  # nine requests, a tenth of a second apart
