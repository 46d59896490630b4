"""Keeping other libraries' progress bars and deprecation notes off a person's terminal."""

from __future__ import annotations

import warnings


def quiet_libraries() -> None:
    """Silence what a user of modsmith can do nothing about; errors still show."""
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|peft|torch)(\.|$)")
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(transformers|trl|peft|torch|accelerate)(\.|$)")
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    hub_logging.set_verbosity_error()  # its retries: what comes of them is told in one sentence
    logging.set_verbosity_error()
    logging.disable_progress_bar()
