"""Systems behind a server, over real HTTP: what they say is read, and a failure is a wrong answer or a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from modsmith.errors import UserError
from modsmith.evaluation import Prediction, measure
from modsmith.evaluation.remote import Address, ChatModel, ModerationRoute
from modsmith.evaluation.systems import Remembering
from modsmith.prompt import render_answer
from modsmith.ratings import Ratings


def chat_server(server: HTTPServer, answer: Any) -> list[dict[str, Any]]:
    """`answer(listing text)` is the message, or a `Response`. Returns the bodies of the requests."""
    bodies: list[dict[str, Any]] = []

    def reply(request: Request) -> Response:
        bodies.append(json.loads(request.data))
        said = answer(bodies[-1]["messages"][-1]["content"])
        if isinstance(said, Response):
            return said
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        return Response(json.dumps(body), content_type="application/json")

    server.expect_request("/v1/chat/completions").respond_with_handler(reply)
    return bodies


def rated(make: SimpleNamespace, **given: int) -> str:
    return render_answer(Ratings.full(make.names, given))


@pytest.fixture
def chat(make: SimpleNamespace, httpserver: HTTPServer, tmp_path: Path) -> ChatModel:
    address = Address("big", "big-1", httpserver.url_for("/v1"))
    return ChatModel(address, make.policy(), tmp_path / "log.jsonl", "secret", first_wait=0.01)


def test_a_chat_model_reads_the_policy_and_rates(
    make: SimpleNamespace, httpserver: HTTPServer, chat: ChatModel
) -> None:
    bodies = chat_server(
        httpserver, lambda text: f"Let me see.\n{rated(make, iptv=4 if 'channels' in text else 0)}\nThat is all."
    )
    examples = [make.example("1", {"iptv": 4}, title="4,000 channels"), make.example("2", title="A lamp")]
    verdicts = chat.rate([example.listing for example in examples])
    assert [verdict.decision for verdict in verdicts] == ["disallow", "allow"]
    assert verdicts[0].ratings == {"spam": 0, "iptv": 4, "phishing": 0} and verdicts[0].scores is None
    assert all(make.policy()[name].definition in bodies[0]["messages"][0]["content"] for name in make.names)
    assert bodies[0]["model"] == "big-1"
    found = measure(examples, verdicts, make.policy())
    assert found["f1"] == 1 and found["failure_rate"] == 0 and found["auroc"] is None


def test_the_log_answers_the_second_time(make: SimpleNamespace, httpserver: HTTPServer, chat: ChatModel) -> None:
    bodies = chat_server(httpserver, lambda text: rated(make))
    listings = [make.example(str(n)).listing for n in range(3)]
    assert chat.rate(listings) == chat.rate(listings) and len(bodies) == 3


@pytest.mark.parametrize(
    "said",
    [
        "ALLOWED",
        "I cannot help with that.",
        "",
        "<answer>\nspam:0\n</answer>",
        Response("too long", 400),
        Response("oh", 500),
        Response("{}", 200, content_type="application/json"),
    ],
)
def test_what_cannot_be_read_is_wrong_there(
    make: SimpleNamespace, httpserver: HTTPServer, chat: ChatModel, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modsmith.corpus.generate.client.ATTEMPTS", 2)
    chat_server(httpserver, lambda text: said if "odd" in text else rated(make))
    examples = [make.example(str(n)) for n in range(4)] + [make.example("odd", title="odd one")]
    chat.rate([examples[0].listing])  # a server that never answered at all would be a sentence instead
    verdicts = chat.rate([example.listing for example in examples])
    assert [verdict.parse_ok for verdict in verdicts] == [True] * 4 + [False]
    found = measure(examples, verdicts, make.policy())
    assert found["failure_rate"] == found["fpr"] == 0.2


def test_two_answers_are_none(make: SimpleNamespace, httpserver: HTTPServer, chat: ChatModel) -> None:
    chat_server(httpserver, lambda text: rated(make) + "\nor rather\n" + rated(make, spam=4))
    assert chat.rate([make.example("1").listing])[0].parse_ok is False


def test_long_listings_are_judged_in_windows(make: SimpleNamespace, httpserver: HTTPServer, chat: ChatModel) -> None:
    bodies = chat_server(httpserver, lambda text: rated(make, spam=3 if "needle" in text else 0))
    listing = make.example("1", description="word " * 12_000 + "needle").listing
    verdict = chat.rate([listing])[0]
    assert verdict.decision == "disallow" and verdict.windows == len(bodies) > 1


@pytest.mark.parametrize("status", [401, 404])
def test_a_server_that_takes_nothing_is_a_sentence(
    make: SimpleNamespace, httpserver: HTTPServer, chat: ChatModel, status: int
) -> None:
    chat_server(httpserver, lambda text: Response("no secret here", status))
    with pytest.raises(UserError) as error:
        chat.rate([make.example(str(n)).listing for n in range(3)])
    assert str(status) in str(error.value) and "secret" not in str(error.value)


def test_no_server_is_a_sentence(make: SimpleNamespace, tmp_path: Path) -> None:
    address = Address("x", "x", "http://127.0.0.1:9/v1")
    with pytest.raises(UserError, match="does not answer"):
        ChatModel(address, make.policy(), tmp_path / "a.jsonl", first_wait=0.01).rate([make.example("1").listing])
    with pytest.raises(UserError, match="does not answer"):
        ModerationRoute(address, make.policy(), tmp_path / "b.jsonl").rate([make.example("1").listing])


def moderation_server(server: HTTPServer, result: Any) -> list[dict[str, Any]]:
    bodies: list[dict[str, Any]] = []

    def reply(request: Request) -> Response:
        bodies.append(json.loads(request.data))
        said = result(bodies[-1]["input"])
        if isinstance(said, Response):
            return said
        return Response(json.dumps({"id": "1", "model": "m", "results": [said]}), content_type="application/json")

    server.expect_request("/v1/moderations", method="POST").respond_with_handler(reply)
    return bodies


@pytest.fixture
def route(make: SimpleNamespace, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("modsmith.evaluation.remote.ATTEMPTS", 0)
    return ModerationRoute(Address("omni", "omni-1", httpserver.url_for("/v1")), make.policy(), tmp_path / "log.jsonl")


def test_a_moderation_route_decides(make: SimpleNamespace, httpserver: HTTPServer, route: Any) -> None:
    bodies = moderation_server(
        httpserver,
        lambda text: {"flagged": "bad" in text, "categories": {"hate": True},
                      "category_scores": {"hate": 0.9 if "bad" in text else 0.2, "self-harm": 0.1}},
    )  # fmt: skip
    examples = [make.example("1", {"spam": 3}, title="bad"), make.example("2", title="good")]
    verdicts = route.rate([example.listing for example in examples])
    assert [verdict.decision for verdict in verdicts] == ["disallow", "allow"]
    assert isinstance(verdicts[0], Prediction) and verdicts[0].decision_score == 0.9 and verdicts[0].ratings is None
    found = measure(examples, verdicts, make.policy())
    assert (found["f1"], found["auroc"], found["severity_kappa"], found["parse_rate"]) == (1, 1, None, None)
    wanted = {"model": "omni-1", "input": examples[0].listing.text}
    assert wanted in bodies, "asked side by side, in any order"
    assert route.rate([example.listing for example in examples]) == verdicts and len(bodies) == 2, "the log answers"


@pytest.mark.parametrize(
    "said", [Response("x", 400), Response("x", 500), Response("no json", 200), {"flagged": "yes"}, {}]
)
def test_a_route_that_fails_on_an_item_is_wrong_there(
    make: SimpleNamespace, httpserver: HTTPServer, route: Any, said: Any
) -> None:
    moderation_server(httpserver, lambda text: said if "odd" in text else {"flagged": False, "category_scores": {}})
    examples = [make.example("1"), make.example("odd", title="odd")]
    verdicts = route.rate([example.listing for example in examples])
    assert [verdict.parse_ok for verdict in verdicts] == [True, False]
    assert measure(examples, verdicts, make.policy())["failure_rate"] == 0.5


def test_a_route_that_is_none_is_a_sentence(make: SimpleNamespace, httpserver: HTTPServer, route: Any) -> None:
    moderation_server(httpserver, lambda text: Response("x", 404))
    with pytest.raises(UserError, match="does not take moderation requests"):
        route.rate([make.example("1").listing])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("m@http://h/v1", ("m", "m", "http://h/v1")),
        ("a b=org/m:7b@https://h:8000/v1", ("a b", "org/m:7b", "https://h:8000/v1")),
        ("me@home=m@x@http://h", ("me@home", "m@x", "http://h")),
    ],
)
def test_addresses(text: str, wanted: tuple[str, str, str]) -> None:
    address = Address.parse(text, "--chat")
    assert (address.name, address.model, address.endpoint) == wanted


@pytest.mark.parametrize("text", ["m", "m@h/v1", "@http://h", "m@ftp://h"])
def test_bad_addresses_are_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match="--chat .*: write MODEL@ADDRESS"):
        Address.parse(text, "--chat")


def test_equal_listings_are_judged_once(make: SimpleNamespace) -> None:
    asked: list[str] = []

    class Counting:
        def rate(self, listings: Any, progress: Any = None) -> list[Any]:
            asked.extend(listing.id for listing in listings)
            return [make.verdict(listing.id) for listing in listings]

    system, told = Remembering(Counting()), []
    listings = [make.example(id, title=title).listing for id, title in (("1", "a"), ("2", "b"), ("3", "a"))]
    assert [verdict.id for verdict in system.rate(listings, told.append)] == ["1", "2", "3"]
    assert [verdict.id for verdict in system.rate([listings[2]])] == ["3"]
    assert asked == ["1", "2"] and sum(told) == 1, "those that need no judging are told at once"
