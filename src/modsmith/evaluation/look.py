"""What every HTML page of modsmith is made with: escaping, the shared look, a script that is allowed by its hash."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from modsmith.evaluation.report_plots import number, percent, spaced

if TYPE_CHECKING:
    import jinja2


def page_environment(package: str) -> jinja2.Environment:
    """Templates of `package`, then those that pages share (`look.css.j2`, `heat.html.j2`). Every value is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(package, "."), jinja2.PackageLoader("modsmith.evaluation", ".")]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["number"] = number
    environment.filters |= {
        "spaced": spaced,
        "share": percent,
        "sha256": lambda text: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode(),
    }
    return environment
