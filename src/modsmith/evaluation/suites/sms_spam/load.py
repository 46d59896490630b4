"""The SMS Spam Collection."""

from __future__ import annotations

from modsmith.evaluation.suites.items import Context, Item, NotRunError, foreign, spread
from modsmith.files import read_text


def load(context: Context) -> list[Item]:
    """As many spam as ham messages; repeats of one text are one group. Raises `NotRunError` without the file or the
    category."""
    path = context.file("sms_spam.tsv")
    messages = []
    for number, line in enumerate(read_text(path, "data file").splitlines(), start=1):
        label, tab, text = line.partition("\t")
        if not tab or label not in ("spam", "ham"):
            raise NotRunError(f"{path}, line {number}: expected spam or ham, a tab, and a text")
        rated = {"spam": 3 if label == "spam" else 0}
        messages.append(foreign(context.policy, f"sms-{number}", text, label, "SMS Spam", rated, f"sms {text.strip()}"))
    return [Item(example) for example in spread(messages, context.size, context.draw("sms_spam"))]
