"""Policy + listing -> chat messages, and ratings <-> answer text. Nothing else in modsmith knows these layouts.

The policy stands in the system message, which is therefore the same for every listing and both modes: its keys and
values are computed once and shared. The listing and the mode stand in the user message. How the system message begins
is its wording; a model is asked in the one that it was trained with.

    <reasoning>Sells a login to 4,000 channels: "every match, works on the stick".</reasoning>   (think mode only)
    <answer>
    harassment:0
    ...
    </answer>
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.ratings import BORDERLINE, LEVELS, Ratings
from modsmith.reading import CONTROL, read_plainly, without_orders

Mode = Literal["direct", "think"]
MODES: tuple[Mode, ...] = ("direct", "think")
Wording = Literal["plain", "terse", "rules", "buyer"]
PLAIN: Wording = "plain"
"""The wording of models that do not say which one they were trained with."""
Message = dict[str, str]

REASONING_OPEN, REASONING_CLOSE = "<reasoning>", "</reasoning>"
ANSWER_OPEN, ANSWER_CLOSE = "<answer>", "</answer>"

_SCALE = "0 none, 1 close but lawful, 2 borderline, 3 violation, 4 severe"
WORDINGS: dict[Wording, str] = {
    "plain": "You moderate marketplace listings. Rate what is sold or done, not words that occur. "
    f"Rate each category: {_SCALE}.",
    "terse": f"Rate this listing by what is sold or done: {_SCALE}.",
    "rules": "These are the rules of a marketplace, one a line. Say of each how far the listing breaks it: "
    f"{_SCALE}. Words prove nothing; the offer does.",
    "buyer": "You moderate marketplace listings. Ask what the buyer gets and who is harmed by it. Alarming words alone "
    f"break no rule, and harmless words excuse nothing. Rate each category: {_SCALE}.",
}
"""What stands before the categories. A text is part of every model trained with it, so it never changes; a better one
gets a name of its own."""
_MODE_LINE: dict[Mode, str] = {"direct": "Answer directly.", "think": "Reason briefly with a quote, then answer."}


# --- listing and policy to messages ---------------------------------------------------------------------------------


def render_policy(policy: Policy, full: bool = False, wording: Wording = PLAIN) -> str:
    """The system message. `full` adds includes, excludes and examples, for large models that can use them."""
    lines = [WORDINGS[wording]]
    for category in policy.categories:
        lines.append(f"{category.id}: {category.definition}")
        if full:
            lines += [f"  breaks the rule: {text}" for text in category.includes]
            lines += [f"  is fine: {text}" for text in category.excludes]
            lines += [f'  rated {example.rating}: "{example.text}"' for example in category.examples]
    if full:
        lines.append(
            "Answer exactly in this form, one line a category:\n" + render_answer(Ratings.full(policy.category_ids))
        )
    return "\n".join(lines)


def listing_text(listing: Listing) -> str:
    """What a model reads of a listing. Every field is read plainly first: models see through sellers' disguises before
    they weigh the words."""
    fields = [("Title", [listing.title]), ("Price", [listing.price]), ("Tags", listing.tags), ("Files", listing.files)]
    parts = [(name, ", ".join(read_plainly(value).text for value in values)) for name, values in fields]
    lines = [f"{name}: {' '.join(value.split())}" for name, value in parts if value]
    if listing.description:
        lines.append(read_plainly(listing.description).text.strip())
    return neutralise("\n".join(lines))  # joined first: a tag may begin in one field and end in the next


def render_listing(listing: Listing) -> str:
    """The listing as a closed block of plain text that can neither end its block nor speak as another role."""
    return f"<listing>\n{listing_text(listing)}\n</listing>"


def build_messages(
    policy: Policy, listing: Listing, mode: Mode = "direct", full: bool = False, wording: Wording = PLAIN
) -> list[Message]:
    """The chat messages for one listing (or one window of it)."""
    return [
        {"role": "system", "content": render_policy(policy, full, wording)},
        {"role": "user", "content": f"{render_listing(listing)}\n{_MODE_LINE[mode]}"},
    ]


# Control tokens of the common chat templates (ChatML, Llama 2 to 4, Gemma, Phi, Mistral, DeepSeek, SmolLM) and our own
# tags, also with spaces inside the brackets. Possessive quantifiers keep long runs of spaces linear.
_GAP = r"[\s\u00ad\u200b-\u200f\u2060\ufeff]*+"
_SLASH = rf"{_GAP}(?:/{_GAP})?+"
_CONTROL = re.compile(
    rf"<(?={_GAP}[|｜]"
    rf"|{_GAP}[a-z_]{{1,30}}{_GAP}[|｜]{_GAP}>"
    rf"|{_SLASH}(?:listing|answer|reasoning)\b"
    rf"|{_SLASH}(?:think|s|unk|bos|eos|pad|start_of_turn|end_of_turn|system|user|assistant|tool_call|tool_response|"
    r"repo_?name|file_sep|filename|gh_stars|issue_\w{1,20}|jupyter_\w{1,20}|empty_output)\b[^<>]{0,40}>"
    rf"|{_GAP}<{_SLASH}SYS{_GAP}>{_GAP}>)"
    rf"|\[(?={_SLASH}(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|THINK){_GAP}\])",
    re.IGNORECASE,
)


def neutralise(text: str) -> str:
    """Break chat-template control tokens and our own tags inside untrusted text; everything else is unchanged.

    The opening bracket becomes a look-alike (‹ or ❲), so the text stays readable and the tokens are gone. NUL and
    other control characters are dropped. Idempotent.
    """
    text = CONTROL.sub("", text)
    return _CONTROL.sub(lambda match: "❲" if match[0] == "[" else "‹", text)


# --- long listings ---------------------------------------------------------------------------------------------------


def split_windows(
    listing: Listing, window_chars: int = 1200, overlap_chars: int = 200, max_windows: int = 256
) -> list[Listing]:
    """Cut a long listing into windows that each fit a prompt; every character of the description is in one.

    The first window is title and head, the second the tail, then the middle in order; each carries the title. Exact
    repeats are judged once. Very long texts get longer windows rather than gaps once `max_windows` is reached.
    Over-long titles, prices, tag and file lists are moved into the windowed text, so that nothing hides there either.
    """
    title, price, tags, files = listing.title, listing.price, listing.tags, listing.files
    text = listing.description
    if len(title) > 300:
        text, title = f"{title}\n{text}", title[:300]
    if len(price) > 300:
        text, price = f"{text}\nPrice: {price}", price[:300]
    for name, values in (("Tags", tags), ("Files", files)):
        if len(", ".join(values)) > 600:
            text += f"\n{name}: {', '.join(values)}"
    tags = tags if len(", ".join(tags)) <= 600 else ()
    files = files if len(", ".join(files)) <= 600 else ()
    listing = replace(listing, title=title, price=price, tags=tags, files=files, description=text)
    if len(text) <= window_chars:
        return [listing]
    window_chars = max(window_chars, -(-len(text) // max_windows) + overlap_chars)
    step = window_chars - overlap_chars
    starts = list(range(0, len(text) - overlap_chars, step))
    starts[-1] = max(0, len(text) - window_chars)
    order = [starts[0], starts[-1], *starts[1:-1]]
    pieces = dict.fromkeys(text[start : start + window_chars] for start in order)
    return [replace(listing, description=piece) for piece in pieces]


def views(listing: Listing) -> list[tuple[Listing, ...]]:
    """The windows of `split_windows`, each in one or two views: as it is and, where it speaks to the moderator, once
    more without that. Of two views the one that looks worse counts, so that an order lowers no rating."""
    found: list[tuple[Listing, ...]] = []
    for window in split_windows(listing):
        quiet = _without_orders(window)
        says_more = quiet != window and any((quiet.title, quiet.description, quiet.tags, quiet.files))
        found.append((window, quiet) if says_more else (window,))
    return found


def _without_orders(listing: Listing) -> Listing:
    """Fields without an order stay as they are."""

    def said(text: str, one_line: bool = False) -> str:
        plain = read_plainly(text).text
        if one_line:
            plain = " ".join(plain.split())
        quiet = without_orders(plain)
        return text if quiet == plain else quiet

    title, description, price = said(listing.title, one_line=True), said(listing.description), said(listing.price)
    tags, files = (tuple(filter(None, map(said, values))) for values in (listing.tags, listing.files))
    return replace(listing, title=title, description=description, price=price, tags=tags, files=files)


# --- the answer ------------------------------------------------------------------------------------------------------


def render_answer(ratings: Mapping[str, int]) -> str:
    """The answer block, one `category:digit` line in the order of `ratings`."""
    return "\n".join([ANSWER_OPEN, *(f"{name}:{level}" for name, level in ratings.items()), ANSWER_CLOSE])


def render_reasoning(rationale: str, quote: str = "", ratings: Mapping[str, int] | None = None) -> str:
    """The reasoning block: why, the verbatim quote it rests on, and the categories it concerns (rated 2 or more)."""
    text = _flat(neutralise(rationale))
    if quote:
        text = f'{text.rstrip(".:; ")}: "{_flat(neutralise(quote))}".'
    if ratings is not None:
        concerned = [name.replace("_", " ") for name, level in ratings.items() if level >= BORDERLINE]
        text += f" Concerns: {', '.join(concerned) or 'none'}."
    return f"{REASONING_OPEN}{neutralise(text)}{REASONING_CLOSE}\n"


def render_completion(ratings: Mapping[str, int], mode: Mode, rationale: str = "", quote: str = "") -> str:
    """What the model is trained to write."""
    return (render_reasoning(rationale, quote, ratings) if mode == "think" else "") + render_answer(ratings)


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed completion. `ratings` is `None` when it did not parse, and `error` then says why."""

    ratings: Ratings | None
    reasoning: str = ""
    error: str = ""

    @property
    def quotes(self) -> list[str]:
        """Everything in double quotes in the reasoning."""
        return [quote.strip() for quote in re.findall(r'["“]([^"“”]+)["”]', self.reasoning) if quote.strip()]


_BLOCK = re.compile(
    rf"\s*+(?:{REASONING_OPEN}(?P<reasoning>.*?){REASONING_CLOSE}\s*+)?{ANSWER_OPEN}(?P<answer>.*?){ANSWER_CLOSE}\s*+",
    re.DOTALL,
)
_LINE = re.compile(r"\s*(?P<name>[a-z][a-z0-9_]*)\s*:\s*(?P<level>[0-9]+)\s*")


def parse_answer(completion: str, categories: Sequence[str], mode: Mode | None = None) -> Answer:
    """Parse a completion strictly. Anything but one optional reasoning block and one complete answer block fails.

    `mode` "think" also asks for a reasoning block that says something, "direct" for none; `None` takes either.
    White space around lines and blocks is free. Never raises: the failure is in `Answer.error`.
    """
    match = _BLOCK.fullmatch(completion)
    if match is None:
        return Answer(None, error="no single answer block")
    inner = (match["reasoning"] or "") + match["answer"]
    if any(tag in inner for tag in (ANSWER_OPEN, ANSWER_CLOSE, REASONING_OPEN, REASONING_CLOSE)):
        return Answer(None, error="more than one block")
    reasoning = (match["reasoning"] or "").strip()
    if mode == "think" and not reasoning:
        return Answer(None, error="reasoning missing")
    if mode == "direct" and match["reasoning"] is not None:
        return Answer(None, reasoning, error="reasoning in direct mode")
    given: dict[str, int] = {}
    for line in match["answer"].strip().split("\n"):
        pair = _LINE.fullmatch(line)
        if pair is None:
            return Answer(None, reasoning, error=f"not a rating: {line.strip()[:40]!r}")
        if pair["name"] in given:
            return Answer(None, reasoning, error=f"{pair['name']} rated twice")
        if len(pair["level"]) > 1 or int(pair["level"]) not in LEVELS:
            return Answer(None, reasoning, error=f"{pair['name']} rated {pair['level'][:8]}, not 0 to 4")
        given[pair["name"]] = int(pair["level"])
    if list(given) != list(categories):
        return Answer(None, reasoning, error="the categories are not those of the policy, in its order")
    return Answer(Ratings(given), reasoning)


def grounded_quotes(answer: Answer, listing: Listing) -> list[str]:
    """Where the quotes of the reasoning stand in the listing: verbatim, in its disguise if it wears one.

    The model quotes what it read; white space, case and quote marks may differ. A quote that is not there is left out.
    """
    reading = read_plainly(listing.text)
    return [original for quote in answer.quotes if (original := reading.original(quote))]


def _flat(text: str) -> str:
    return " ".join(re.sub('["“”«»]', "'", text).split())
