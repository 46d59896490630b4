"""An OpenAI-compatible server in this process, spoken to over real HTTP. By default it writes and reads faultlessly."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modsmith.corpus.generate import Generation, Prices, Server, Settings
from modsmith.policy import Policy
from modsmith.prompt import render_answer


@dataclass
class Reply:
    """What the server sends; `text` becomes the message of a chat completion unless there is a `body`."""

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    wait: float = 0.0
    usage: tuple[int, int] | None = (100, 50)
    cut: bool = False
    """Close the connection in the middle of the body."""


@dataclass
class Request:
    number: int
    role: str
    """writer, first reader or second reader."""
    prompt: str
    body: dict[str, Any]
    headers: dict[str, str]
    at: float


class ModelServer:
    """`script` may return a reply of its own; `None` leaves it to the faultless model."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.script: Callable[[Request], Reply | str | None] = lambda request: None
        self.requests: list[Request] = []
        self.busy = self.most_busy = 0
        self._rated: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.serve(self, body)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def asked(self, role: str) -> list[Request]:
        return [request for request in self.requests if request.role == role]

    def serve(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        system, prompt = (message["content"] for message in body["messages"])
        role = "writer" if "You write listings" in system else "second reader" if "second reader" in system else ""
        with self._lock:
            request = Request(
                len(self.requests),
                role or "first reader",
                prompt,
                body,
                {name.lower(): value for name, value in handler.headers.items()},
                time.monotonic(),
            )
            self.requests.append(request)
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        try:
            reply = self.script(request)
            reply = Reply(reply) if isinstance(reply, str) else reply or Reply(self.answer(request))
            time.sleep(reply.wait)
            self._send(handler, reply, body["model"])
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with self._lock:
                self.busy -= 1

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply, model: str) -> None:
        message = {"role": "assistant", "content": reply.text}
        record: dict[str, Any] = {
            "id": "x", "object": "chat.completion", "created": 0, "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }  # fmt: skip
        if reply.usage:
            record["usage"] = {
                "prompt_tokens": reply.usage[0], "completion_tokens": reply.usage[1], "total_tokens": sum(reply.usage),
            }  # fmt: skip
        if reply.status >= 400:
            record = {"error": {"message": reply.text, "code": reply.headers.pop("code", None)}}
        data = (json.dumps(record) if reply.body is None else reply.body).encode()
        handler.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2] if reply.cut else data)
        handler.close_connection = reply.cut

    # --- the faultless model -----------------------------------------------------------------------------------------

    def answer(self, request: Request) -> str:
        listing = shown_listing(request.prompt)
        if request.role == "writer":
            return json.dumps(self.write(request.prompt, listing))
        rated = self._rated.get(listing["description"], {})
        if request.role == "first reader":
            return render_answer({name: rated.get(name, 0) for name in self.policy.category_ids})
        return json.dumps({"findings": [{"rule": name, "severity": level} for name, level in rated.items() if level]})

    def write(self, prompt: str, listing: dict[str, Any]) -> dict[str, Any]:
        """A twin is the listing with three words more; a retelling has the words of every line the other way round."""
        wanted = re.search(r"deserves (\w+) (\d)", prompt)
        if wanted:
            name, level = wanted[1], int(wanted[2])
            quote = f"with {name.replace('_', ' ')} {'inside' if level > 2 else 'outside'}"
            description = f"{listing['description']} {quote}"
            rated = {name: level}
        else:
            quote, rated = "", {}
            lines = listing["description"].split("\n")
            description = "\n".join(" ".join(reversed(line.split())) for line in lines)
        self._rated[description] = rated
        return {
            **listing, "description": description, "ratings": {name: level for name, level in rated.items() if level},
            "rationale": "What the buyer gets decides.", "evidence": quote,
        }  # fmt: skip


def shown_listing(prompt: str) -> dict[str, Any]:
    """The fields of the listing in a prompt, as `modsmith.prompt.render_listing` shows them."""
    inside = prompt.split("<listing>\n")[-1].split("\n</listing>")[0]
    fields: dict[str, str] = {}
    lines = inside.split("\n")
    for name in ("Title", "Price", "Tags", "Files"):
        if lines and lines[0].startswith(f"{name}: "):
            fields[name] = lines.pop(0).partition(": ")[2]
    return {
        "title": fields.get("Title", ""),
        "description": "\n".join(lines),
        "price": fields.get("Price", ""),
        "tags": fields.get("Tags", "").split(", ") if "Tags" in fields else [],
        "files": fields.get("Files", "").split(", ") if "Files" in fields else [],
    }


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def server(plant_policy: Policy) -> Iterator[ModelServer]:
    one = ModelServer(plant_policy)
    yield one
    one.close()


_THINGS = ["lantern", "barometer", "quilt", "harp", "sextant", "teapot", "loom", "abacus", "kite", "anvil"]
_VERBS = ["mended", "drawn", "catalogued", "measured", "polished", "photographed", "woven", "counted", "tuned", "cast"]


def seed_records(count: int) -> list[dict[str, Any]]:
    """Plain listings that share no three words in a row."""
    records = []
    for number in range(count):
        thing, verb = _THINGS[number % 10], _VERBS[(number + number // 10) % 10]
        words = [f"{_VERBS[(number + place) % 10]}{place} {thing}{number} {_THINGS[place]}" for place in range(6)]
        records.append(
            {
                "id": f"s{number}",
                "title": f"{thing.title()} {verb} no. {number}",
                "description": f"{' '.join(words[:3])}, page {number + 3}.\n\n{' '.join(words[3:])} in {number} parts",
                "price": f"${number + 1}",
                "tags": [thing, verb],
                "files": [f"{thing}.pdf"],
            }
        )
    return records


@pytest.fixture
def seeds_file(tmp_path: Path) -> Path:
    """Twelve weakly allowed listings as JSONL."""
    path = tmp_path / "seeds.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in seed_records(12)), encoding="utf-8")
    return path


@pytest.fixture
def corpus_file(tmp_path: Path) -> Path:
    """Twelve groups with an allowed and a violating listing each, in all three splits."""
    path = tmp_path / "corpus.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number, record in enumerate(seed_records(24)):
            category = ["invasive_species", "wild_taken", "false_rarity"][number % 3]
            bad = number % 2
            gold = {
                "ratings": {category: 3} if bad else {}, "rationale": "Because.", "category": category,
                "evidence": record["title"] if bad else "", "group": f"g{number // 2}", "kind": "near_miss",
                "split": ["train", "train", "train", "validation", "test", "train"][number // 2 % 6],
            }  # fmt: skip
            file.write(json.dumps(record | gold) + "\n")
    return path


@pytest.fixture
def make(server: ModelServer, plant_policy: Policy, tmp_path: Path) -> Callable[..., Generation]:
    """A run against the server; keyword arguments are those of `Settings`, and `server_options` those of `Server`."""

    def build(source: Path, server_options: dict[str, Any] | None = None, **options: Any) -> Generation:
        where = {"endpoint": server.url, "concurrency": 4, "first_wait": 0.01, **(server_options or {})}
        given: dict[str, Any] = {"count": 12, "prices": Prices(1.0, 2.0), "out": tmp_path / "out", **options}
        return Generation(Settings(Server(**where), "writer-1", str(source), **given), plant_policy)

    return build


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
