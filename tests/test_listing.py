"""Listings: reading every format, what is refused and how, and the round trip through a record."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modsmith.errors import UserError
from modsmith.listing import BadLine, Listing, read_listings

SOUND = st.text(st.characters(exclude_categories=("Cs",)), max_size=60).map(str.strip)
WORD = SOUND.filter(bool)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | SOUND,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SOUND, inner, max_size=3),
    max_leaves=8,
)
LISTINGS = st.builds(
    Listing,
    id=WORD,
    title=WORD,
    description=SOUND,
    price=SOUND,
    tags=st.lists(WORD, max_size=4).map(tuple),
    files=st.lists(WORD, max_size=3).map(tuple),
    language=SOUND,
    seller=SOUND,
    url=SOUND,
    extra=st.dictionaries(SOUND.map(lambda key: f"x_{key}"), JSON_VALUES, max_size=3),
)


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(folder: Path, name: str, data: bytes | str, **options: object) -> list[Listing | BadLine]:
    return list(read_listings(write(folder, name, data), **options))  # type: ignore[arg-type]


# --- records ---------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(LISTINGS)
def test_record_round_trip(listing: Listing) -> None:
    through_json = json.loads(json.dumps(listing.to_record(), ensure_ascii=False))
    assert Listing.from_record(through_json) == listing


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["id", "title", "description", "tags", "price", "extra", "x"]), JSON_VALUES))
def test_any_json_object_is_a_listing_or_a_value_error(record: dict[str, object]) -> None:
    try:
        listing = Listing.from_record(record, default_id="line-1")
    except ValueError:
        return
    assert listing.id
    assert listing.title or listing.description or listing.tags or listing.files
    assert Listing.from_record(listing.to_record()) == listing


def test_unknown_keys_are_kept_but_never_shown() -> None:
    listing = Listing.from_record({"id": "a", "title": "Brushes", "shop": {"rank": 3}})
    assert listing.extra == {"shop": {"rank": 3}}
    assert listing.to_record()["shop"] == {"rank": 3}
    assert "rank" not in listing.text


def test_extra_cannot_replace_what_was_judged() -> None:
    listing = Listing.from_record({"id": "a", "title": "4,000 channels", "extra": {"title": "Brushes", "note": 1}})
    assert listing.to_record() == {"id": "a", "title": "4,000 channels", "note": 1}


def test_deeply_nested_extra_comes_back() -> None:
    nested: object = []
    for _ in range(600):
        nested = [nested]
    assert Listing.from_record({"id": "a", "title": "t", "x": nested}).to_record()["x"] is nested


def test_lone_surrogates_become_a_mark_that_can_be_written() -> None:
    listing = Listing.from_record(
        json.loads('{"id": "a", "title": "free \\ud83d money", "tags": ["\\udc00", "\\ud83d\\ude00"]}')
    )
    assert listing.title == "free \ufffd money"
    assert listing.tags == ("\ufffd", "\U0001f600")
    json.dumps(listing.to_record(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ([], "not list"),
        ("text", "not str"),
        (None, "not NoneType"),
        ({}, "empty"),
        ({"title": " ", "description": "\n", "price": "$3"}, "empty"),
        ({"title": True}, "title must be text, not bool"),
        ({"title": ["a"]}, "title must be text, not list"),
        ({"title": "a", "tags": 3}, "tags must be a list of texts, not int"),
        ({"title": "a", "tags": [{"name": "b"}]}, "tags must be text, not dict"),
        ({"title": "a", "id": {}}, "id must be text, not dict"),
    ],
)
def test_wrong_types_are_named(record: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Listing.from_record(record)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "text"),
    [(12, "12"), (9.5, "9.5"), (Decimal("9.90"), "9.90"), (None, ""), (float("nan"), ""), (" $3 ", "$3")],
)
def test_numbers_are_text_and_missing_numbers_are_missing(value: object, text: str) -> None:
    assert Listing.from_record({"title": "a", "price": value}).price == text


def test_tags_as_one_text_are_split_at_commas() -> None:
    assert Listing.from_record({"title": "a", "tags": "obs, stream ,,"}).tags == ("obs", "stream")


def test_text_holds_every_field_a_model_sees() -> None:
    listing = Listing("a", "T", "D", "P", ("tag",), ("file.zip",), language="en", seller="s", url="u")
    assert listing.text.split("\n") == ["T", "D", "tag", "file.zip", "P"]


# --- JSONL -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"{not json}", "not JSON"),
        (b'{"title": "cut', "not JSON"),
        (b'{"title": "\xff\xfe"}', "not UTF-8 (byte 11 of the line)"),
        (b'"only text"', "a listing is an object"),
        (b"[1, 2]", "a listing is an object"),
        (b"{}", "the listing is empty"),
        (b'{"title": {}}', "title must be text, not dict"),
        (b'{"price": 1' + b"0" * 5000 + b', "title": "x"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_line_stands_in_its_place_and_the_rest_goes_on(tmp_path: Path, line: bytes, sentence: str) -> None:
    found = read(tmp_path, "a.jsonl", b'{"title": "one"}\n' + line + b'\n{"title": "three"}\n')
    assert [type(item) for item in found] == [Listing, BadLine, Listing]
    bad = found[1]
    assert isinstance(bad, BadLine)
    assert bad.line == 2
    assert sentence in bad.error
    assert len(bad.error) < 300
    assert [item.id for item in (found[0], found[2])] == ["line-1", "line-3"]


def test_a_bad_line_keeps_the_id_it_was_given(tmp_path: Path) -> None:
    assert read(tmp_path, "a.jsonl", '{"id": 7}') == [
        BadLine(1, "the listing is empty: give it a title or a description", "7")
    ]


def test_bom_crlf_and_blank_lines(tmp_path: Path) -> None:
    found = read(tmp_path, "a.jsonl", b'\xef\xbb\xbf{"title": "one"}\r\n\r\n  \r\n{"title": "four"}')
    assert [(item.id, item.title) for item in found if isinstance(item, Listing)] == [
        ("line-1", "one"),
        ("line-4", "four"),
    ]
    assert len(found) == 2


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_an_empty_file_holds_no_listings(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path, "a.jsonl", data) == []


def test_a_huge_field_is_read_whole(tmp_path: Path) -> None:
    text = "word " * 2_000_000 + "end"
    found = read(tmp_path, "a.jsonl", json.dumps({"title": "t", "description": text}))
    assert isinstance(found[0], Listing)
    assert found[0].description == text


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        class buffer:  # noqa: N801
            @staticmethod
            def read() -> bytes:
                return '{"title": "für"}'.encode()

    monkeypatch.setattr("sys.stdin", Stdin)
    assert [item.title for item in read_listings("-") if isinstance(item, Listing)] == ["für"]


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for item in read(tmp_path_factory.getbasetemp(), "any.jsonl", data):
        assert isinstance(item, (Listing, BadLine))


# --- tables ----------------------------------------------------------------------------------------------------------


def test_csv_with_a_column_map(tmp_path: Path) -> None:
    data = '\ufeffname,body,tags,shop\r\n"A, B","first\r\nsecond","x, y",7\r\n,,,8\r\nC,only,,9\r\n'
    found = read(tmp_path, "a.csv", data, columns={"title": "name", "description": "body", "seller": "shop"})
    first, empty, last = found
    assert isinstance(first, Listing)
    assert (first.title, first.description, first.tags, first.seller) == ("A, B", "first\r\nsecond", ("x", "y"), "7")
    assert first.extra == {}
    assert isinstance(empty, BadLine)
    assert "empty" in empty.error
    assert isinstance(last, Listing)
    assert last.tags == ()


def test_columns_may_be_swapped(tmp_path: Path) -> None:
    found = read(
        tmp_path, "a.csv", "title,description\nlong,short\n", columns={"title": "description", "description": "title"}
    )
    assert [(item.title, item.description) for item in found if isinstance(item, Listing)] == [("short", "long")]


def test_tsv_and_unknown_columns(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "a.tsv", "id\ttitle\trank\n5\tBrushes, 40\t2\n")
    assert isinstance(found, Listing)
    assert (found.id, found.title, found.extra) == ("5", "Brushes, 40", {"rank": "2"})


def test_csv_row_with_too_many_fields_is_not_cut_short(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", "title,description\nA,brushes, and 4000 channels\nB,fine\nC,fine,,\n")
    assert [type(item) for item in found] == [BadLine, Listing, Listing]
    assert isinstance(found[0], BadLine)
    assert "more fields than the header" in found[0].error


def test_csv_huge_field(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "a.csv", 'title,description\nA,"' + "word " * 400_000 + '"\n')
    assert isinstance(found, Listing)
    assert len(found.description) == 1_999_999


def test_csv_field_beyond_the_limit_is_a_user_error_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'title,description\nA,fine\nB,"' + "x" * 10_000_001)
    found = read_listings(path)
    assert isinstance(next(found), Listing)
    with pytest.raises(UserError, match=r"a\.csv, line 3: .*field"):
        next(found)


@pytest.mark.parametrize(
    ("name", "data", "columns", "sentence"),
    [
        ("a.csv", "name,body\nA,B\n", None, "neither a title nor a description"),
        ("a.csv", "title\nA\n", {"title": "name"}, "no column 'name'"),
        ("a.csv", "title\nA\n", {"heading": "title"}, "unknown field 'heading'"),
        ("a.csv", "", None, "neither a title nor a description"),
        ("a.csv", b"title\n\xff\n", None, "not UTF-8 .byte 6."),
        ("a.parquet", "no parquet", None, "cannot read listings"),
    ],
)
def test_unreadable_tables_are_user_errors(
    tmp_path: Path, name: str, data: str | bytes, columns: dict[str, str] | None, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        read(tmp_path, name, data, columns=columns)


@pytest.mark.parametrize("name", ["none.jsonl", "none.csv", "none.parquet"])
def test_missing_files_are_user_errors(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=name):
        read_listings(tmp_path / name)


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [
        {"name": "A", "tags": ["x", "y"], "price": Decimal("3.50"), "id": 1},
        {"name": None, "tags": None, "price": None, "id": 2},
        {"name": "C", "tags": [], "price": None, "id": 3},
    ]
    parquet.write_table(pa.Table.from_pylist(rows), path)
    first, empty, last = read_listings(path, {"title": "name"})
    assert first == Listing("1", "A", price="3.50", tags=("x", "y"))
    assert empty == BadLine(2, "the listing is empty: give it a title or a description", "2")
    assert last == Listing("3", "C")
