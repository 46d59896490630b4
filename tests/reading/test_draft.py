from __future__ import annotations

from modsmith.reading.draft import Draft


def test_edits_keep_where_characters_came_from() -> None:
    draft = Draft("abcdef", range(7)).edited([(1, 3, ""), (3, 4, "xy"), (4, 6, "EF")])
    assert (draft.text, list(draft.offsets)) == ("axyEF", [0, 3, 3, 4, 5, 6])
    again = draft.edited([(0, 1, "")])
    assert (again.text, list(again.offsets)) == ("xyEF", [3, 3, 4, 5, 6])


def test_without_edits_it_is_the_same_draft() -> None:
    draft = Draft("abc", range(4))
    assert draft.edited([]) is draft
