from __future__ import annotations

import io
import shutil
from pathlib import Path

from rich.console import Console

from modsmith.runs import find_runs, print_run, print_runs, read_run


def drawn(folder: Path, width: int = 170) -> str:
    out = io.StringIO()
    print_run(read_run(folder), Console(file=out, width=width, color_system=None))
    return out.getvalue()


def test_curves_in_the_terminal(grpo_run: Path) -> None:
    text = drawn(grpo_run)
    assert text.startswith("GRPO finished after 60 steps")
    for title in ("Held-out scores", "Reward and its parts", "Answers", "Entropy"):
        assert title in text
    assert sum("\u2801" <= char <= "\u28ff" for char in text) > 500  # curves, in Braille dots
    assert "Learning rate" not in text  # the page has it


def test_a_narrow_terminal_gets_one_column(grpo_run: Path) -> None:
    assert all(len(line) <= 80 for line in drawn(grpo_run, 80).splitlines()[1:])


def test_alarms_are_told(grpo_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(grpo_run, tmp_path / "run")
    (copy / "metrics.jsonl").write_text("".join(f'{{"step": {step}, "length/at_cap": 0.5}}\n' for step in range(9)))
    text = drawn(copy)
    assert "step 4: completions hit the cap" in text and "max_completion_tokens" in " ".join(text.split())


def test_the_list(grpo_run: Path, tmp_path: Path) -> None:
    shutil.copytree(grpo_run, tmp_path / "demo" / "grpo")
    out = io.StringIO()
    print_runs(find_runs(tmp_path), Console(file=out, width=80, color_system=None), tmp_path)
    head, line = (text.split() for text in out.getvalue().splitlines())
    assert head[:3] == ["run", "station", "state"]
    assert line[:6] == ["demo/grpo", "grpo", "finished", "60/60", "0.750", "60"]
