"""The data card that is written beside a corpus: what is in it, where it comes from, what it lacks."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from modsmith.corpus.example import SCREENED, WEAK, Example
from modsmith.corpus.join import Added
from modsmith.corpus.table import corpus_hash, count
from modsmith.files import atomic_write
from modsmith.policy import Policy

_SOURCES = {
    "written": "written whole for modsmith by several hands",
    "composed": "an offer (what is sold) told through a shell (how it is said), both written for modsmith",
    "generated": "written by a language model, kept where two readers agreed",
}


def write_card(
    examples: Sequence[Example], folder: Path, policy: Policy, command: str, added: Sequence[Added] = ()
) -> Path:
    """Write `README.md` into `folder`, in the form the Hugging Face Hub reads, and return its path. `added` are the
    files that joined the build; the licence of their texts is not modsmith's to name."""
    counts = count(examples)
    names = {"by_split": "split", "by_kind": "kind", "by_language": "language", "by_evasion": "disguise"}
    text = _HEAD.format(
        name=folder.resolve().name,
        licence="other" if added else "apache-2.0",
        languages="\n".join(f"- {language}" for language in sorted(counts["by_language"]) if language),
        hash=corpus_hash(examples),
        policy=policy.version_label,
        command=command,
        **{key: counts[key] for key in ("examples", "groups", "violating")},
    )
    text += "## Ratings\n\n" + _table(
        ("category", "0", "1", "2", "3", "4"),
        [(name, *(str(found[str(level)]) for level in range(5))) for name, found in counts["ratings"].items()],
    )
    text += "## Where it comes from\n\n" + _table(
        ("source", "listings", "what it is"),
        [(name, str(n), _told(name)) for name, n in counts["by_source"].items()],
    )
    if added:
        text += "Added by whoever built it:\n\n" + _table(
            ("file", "added", "dropped as near duplicates"),
            [(file.name, str(file.joined), str(file.repeated)) for file in added],
        )
    for key, title in names.items():
        text += f"## By {title}\n\n" + _counts(counts[key], title)
    text += "## The test split\n\n" + _counts(
        {key: n for key, n in counts["by_slice"].items() if key != "(none)"}, "slice of the composed listings"
    )
    with atomic_write(folder / "README.md") as file:
        file.write(
            text
            + _TAIL.format(
                name=folder.resolve().name,
                gaps="\n".join(f"- {gap}" for gap in _gaps(examples)),
                licence=_LICENCE_ADDED if added else _LICENCE,
            )
        )
    return folder / "README.md"


def _told(source: str) -> str:
    if source.startswith(SCREENED):
        return "was on sale; nobody has rated it, a moderator found nothing in it; training split only"
    if source.startswith(WEAK):
        return "was on sale; nobody has rated or screened it; training split only"
    return _SOURCES.get(source, "read from this file")


def _gaps(examples: Sequence[Example]) -> list[str]:
    languages = Counter(example.listing.language or "unknown" for example in examples)
    first, most = languages.most_common(1)[0]
    other = sum(_other_script(example) for example in examples)
    return [
        "What ships with modsmith was written by language models under direction, not by sellers: real listings are "
        "longer and messier.",
        f"{most / len(examples):.0%} are in one language ({first}); {other} listings are mostly in another script than "
        "Latin.",
    ]


def _other_script(example: Example) -> bool:
    """Are most letters of a listing that wears no disguise of another script than Latin?"""
    letters = [one for one in example.listing.text if one.isalpha()]
    return not example.evasion and 2 * sum("LATIN" not in unicodedata.name(one, "") for one in letters) > len(letters)


def _counts(counts: Mapping[str, int], title: str) -> str:
    return _table((title, "listings"), [(key, str(n)) for key, n in sorted(counts.items(), key=lambda pair: -pair[1])])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


_HEAD = """---
license: {licence}
task_categories:
- text-classification
language:
{languages}
configs:
- config_name: default
  data_files:
  - split: train
    path: train.parquet
  - split: validation
    path: validation.parquet
  - split: test
    path: test.parquet
---

# {name}: listings of a digital marketplace, rated against a policy

{examples} listings in {groups} groups, {violating} of them violating. Policy {policy}, corpus hash `{hash}`.
Made by `{command}`; the same command gives the same files.

Each row is a listing with a rating from 0 to 4 for every category of the policy, the reason, a verbatim quote for
ratings of 2 and more, and where it came from. A twin is a pair in the same voice in which one fact decides.
Groups (an offer with all its tellings, or one moment of writing) never cross splits.

"""

_TAIL = """In the test split every offer is new. "unseen shell" adds voices that training has not heard,
"unseen transform" disguises that it has not met.

## Known gaps

{gaps}
- Text only: what a cover image or the delivered file shows is not rated.
- Ratings come from one reading of the policy each; nobody has measured how well two people agree on them.
- Base rate and mix are chosen for learning. Real traffic violates far less often: calibrate on your own.

## Extend it

Write offers and shells (`docs/corpus.md` says how), bring listings of your own with `modsmith corpus import` or
`generate` and `modsmith corpus build --add FILE`, then audit again: `modsmith corpus audit {name}`.

Publish it: `hf upload YOUR_NAME/{name} . --repo-type dataset`, run in this folder.

## Licence

{licence}
"""

_LICENCE = "Apache-2.0. No text of anyone else's is in it."
_LICENCE_ADDED = (
    "What ships with modsmith (sources *written* and *composed*) is Apache-2.0. Of the files that were added, whoever "
    "added them knows the licence: look it up before you pass this on."
)
