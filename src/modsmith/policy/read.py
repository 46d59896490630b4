"""Reading a policy from YAML; every error names the file, the line and the key."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from modsmith.errors import UserError
from modsmith.files import read_text
from modsmith.policy.model import Policy

BUILT_IN = "marketplace"
"""The policy that ships with modsmith: nine categories of digital-goods marketplaces."""


def load_policy(source: str | Path | None = None) -> Policy:
    """Load a policy by path, or the built-in one for `None` or "marketplace". Raises `UserError`."""
    if source is None or str(source) == BUILT_IN:
        text = resources.files("modsmith.policy").joinpath("marketplace.yaml").read_text("utf-8")
        return parse_policy(text, "marketplace.yaml")
    return parse_policy(read_text(Path(source), "policy"), str(source))


class _Loader(yaml.SafeLoader):
    """A safe loader that knows the line of a value it cannot build, such as the date 2026-02-31."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, f"{error}; is it text?", node.start_mark) from error


def parse_policy(text: str, name: str = "policy") -> Policy:
    """Parse policy YAML; `name` is the file's name in error sentences."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(
            f"policy {name}, line {line}: not valid YAML ({error.problem}); check indents and quotes"
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(f"policy {name}, line {line}: not valid YAML ({error.reason})") from error
    except RecursionError as error:
        raise UserError(f"policy {name}: not valid YAML (nested too deeply)") from error
    if not isinstance(data, dict):
        raise UserError(f"policy {name}: the file must hold keys such as name, version and categories")
    if twice := _key_given_twice(root):
        raise UserError(f"policy {name}, line {twice.start_mark.line + 1}, key {twice.value}: the key is given twice")
    try:
        return Policy.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            reason = "this key is not known; see docs/policy.md for the ones there are"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        line = _line_of(root, first["loc"])
        raise UserError(f"policy {name}, line {line}, key {key}: {reason}{more}") from error


def _key_given_twice(root: yaml.Node | None) -> yaml.ScalarNode | None:
    """A key that stands twice in one mapping: YAML would silently keep the last."""
    todo, done = [root], set()
    while todo:
        node = todo.pop()
        if id(node) in done:
            continue
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                todo.append(value)
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        return key
                    seen.add(key.value)
    return None


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line (from 1) of the deepest part of `location` that exists in the YAML tree."""
    line = 1
    for part in location:
        child = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    child, line = value, key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            child = node.value[part]
            line = child.start_mark.line + 1
        if child is None:
            break
        node = child
    return line
