"""Reading offers and shells, and every mistake a writer can make in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modsmith.corpus.compose import read_offers, read_shells
from modsmith.errors import UserError

CATEGORIES = ["spam", "iptv"]


def _side(**changes: Any) -> dict[str, Any]:
    side = {
        "ratings": {"iptv": 3},
        "names": ["Every channel"],
        "says": ["A login to [[four thousand channels]] for a year."],
        "details": ["Works on any stick", "Sport included"],
        "files": ["login.txt"],
        "rationales": ["Sells a login to channels the seller has no right to."],
    }
    return side | changes


def _offer(**changes: Any) -> dict[str, Any]:
    fine = _side(ratings={}, says=["Forty overlays for a stream."], names=["Overlays"], rationales=["Overlays only."])
    offer = {"offer": "iptv-x-1", "kind": "twin", "price": [3, 9], "tags": ["live"], "openings": ["New."]}
    return offer | {"sides": [fine, _side()]} | changes


def _write(folder: Path, name: str, records: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(yaml.safe_dump(records), encoding="utf-8")
    return folder


def test_an_offer_knows_its_category_hand_and_languages(tmp_path: Path) -> None:
    spanish = {"name": "Todo", "opening": "Nuevo.", "say": "Un acceso a [[todos los canales]].", "details": ["Deporte"]}
    sides = [_side(ratings={}, **{"in": {"es": spanish}}), _side(**{"in": {"es": spanish, "fr": spanish}})]
    (offer,) = read_offers(_write(tmp_path / "o", "iptv-q.yaml", [_offer(sides=sides)]), CATEGORIES)
    assert (offer.category, offer.hand, offer.price) == ("iptv", "offers-q", (3, 9))
    assert offer.languages == ["en", "es"]
    assert offer.sides[1].ratings == {"spam": 0, "iptv": 3}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "pair"}, "kind is 'pair'"),
        ({"kind": "near_miss"}, "has 1 side"),
        ({"sides": [_side(), _side()]}, "one side rated 2 or less"),
        ({"kind": "ordinary", "sides": [_side()]}, "rated 0 everywhere"),
        ({"kind": "near_miss", "sides": [_side()]}, "near miss is rated 0 or 1"),
        ({"kind": "multi", "sides": [_side()]}, "two categories"),
        ({"sides": [_side(ratings={}), _side(says=["No quote at all here."])]}, "needs \\[\\[evidence\\]\\]"),
        ({"sides": [_side(ratings={"nonsense": 3}), _side()]}, "nonsense"),
        ({"sides": [_side(ratings={}, details=[]), _side()]}, "may not be empty"),
        ({"openings": "New."}, "openings must be a list"),
    ],
)
def test_a_wrong_offer_is_one_sentence_with_file_and_id(tmp_path: Path, changes: Any, sentence: str) -> None:
    folder = _write(tmp_path / "o", "iptv-q.yaml", [_offer(**changes)])
    with pytest.raises(UserError, match=sentence) as error:
        read_offers(folder, CATEGORIES)
    assert "iptv-q.yaml" in str(error.value) and "iptv-x-1" in str(error.value)


def test_an_id_is_used_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="used twice"):
        read_offers(_write(tmp_path / "o", "iptv-q.yaml", [_offer(), _offer()]), CATEGORIES)


SHELL = {
    "shell": "plain-1",
    "language": "en",
    "voice": "plain",
    "layout": "prose",
    "title": "{{ name }}",
    "body": "{{ say|decap|bare }}, says {{ opening|decap }}",
}


def test_filters_reach_past_the_marks(tmp_path: Path) -> None:
    (shell,) = read_shells(_write(tmp_path / "s", "english-q.yaml", [SHELL]))
    _, body = shell.render(name="A", opening="I do.", say="\ue000Every channel.\ue001", details=[], price="")
    assert body == "\ue000every channel\ue001, says I do."


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"body": "{{ opening }}"}, "neither title nor body"),
        ({"body": "{{ say }} {{ pages }}"}, "pages"),
        ({"body": "{% for x in %}"}, "Expected an expression"),
        ({"mood": "good"}, "exactly the keys"),
    ],
)
def test_a_wrong_shell_is_one_sentence(tmp_path: Path, changes: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_shells(_write(tmp_path / "s", "english-q.yaml", [SHELL | changes]))
