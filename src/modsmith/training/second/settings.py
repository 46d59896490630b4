"""Every knob of the second reader's training, on one screen: what `configs/second.yaml` holds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modsmith.training.base import SHIPPED_LM
from modsmith.training.second.base import ENCODER
from modsmith.training.settings import Count, Positive, RunSettings, Share


class SecondSettings(RunSettings):
    """Fine-tuning of an encoder on the corpus's labels. Of what all runs have it heeds policy, corpus, limit, seed,
    LoRA, rates, precision, checkpoints and held-out scores."""

    base: str = ENCODER
    """The encoder; there is one."""
    beside: str = SHIPPED_LM
    """The language model that it reads beside: "shipped-lm", a folder or a run."""
    also: list[str] = []
    """Further corpora whose train splits are learnt from: built-in names, folders or files. Listings that nobody has
    rated (weakly allowed) count as allowed. What any corpus holds apart, text or group, is learnt from in none."""
    lora_rank: Annotated[int, Field(gt=0, le=512)] = 16
    """Rank of the adapters."""
    start: str | None = None
    """A second reader to go on from, under a new plan of passes: "shipped", a folder or a run. It has the same
    categories and LoRA rank; layers that it did not adapt start from nothing."""
    passes: Positive = 2.0
    """Passes over all listings; in each, a listing is shown in another way."""
    batch_size: Count = 16
    """Listings per optimiser step; the two sides of a twin are always in the same batch."""
    learning_rate: Positive = 4e-4
    """Peak rate of the adapters; it then falls to zero in a straight line."""
    head_rate: Positive = 1e-3
    """Peak rate of the head, which starts from nothing."""
    warmup_share: Share = 0.03
    lora_layers: Count = 6
    """Topmost layers of the encoder that are adapted. Those below are read forwards only, which saves a third of a
    step."""
    padded_share: Share = 0.12
    """Share of the units (twins, or single listings) shown between innocent paragraphs of other shops."""
    disguise_share: Share = 0.15
    """Share shown in a disguise, or with an order to the moderator."""
    snippet_share: Share = 0.07
    """Share shown as a shop window does: title and the first words, where these still hold the evidence."""
    save_every: Count = 200
    keep_checkpoints: Count = 1
    eval_every: Count = 200
    eval_limit: Count = 300
