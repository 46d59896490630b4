"""Keeping other libraries' progress bars and deprecation notes off a person's terminal."""

from __future__ import annotations

import logging
import warnings


def quiet_libraries() -> None:
    """Silence what a user of modsmith can do nothing about; errors still show."""
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|peft|torch)(\.|$)")
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(transformers|trl|peft|torch|accelerate)(\.|$)")
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # its retries; we say the outcome in one sentence
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
