"""One run: the plan, the estimate, the loop, and the files, which are written however the run ended."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from modsmith.corpus.generate import prompts
from modsmith.corpus.generate.client import Client
from modsmith.corpus.generate.cost import Account, Message, Purse, count_message_tokens, count_tokens
from modsmith.corpus.generate.loop import Loop
from modsmith.corpus.generate.outcome import drop_repeats, summarise, write_outcomes, write_summary
from modsmith.corpus.generate.plan import Job, Seeds, load_seeds, plan_jobs
from modsmith.corpus.generate.responses import ResponseLog
from modsmith.corpus.generate.settings import Settings, Status
from modsmith.errors import UserError
from modsmith.files import read_text, write_json
from modsmith.policy import Policy
from modsmith.prompt import render_answer
from modsmith.ratings import Ratings

RESPONSES, PLAN = "responses.jsonl", "plan.json"


@dataclass(slots=True)
class Generation:
    """Seeds and jobs of a run that has not begun. Raises `UserError` when they cannot be had."""

    settings: Settings
    policy: Policy
    seeds: Seeds = field(init=False)
    units: list[list[Job]] = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.seeds = load_seeds(settings.source, self.policy)
        self.units = plan_jobs(self.seeds, self.policy, settings.tasks, settings.count, settings.seed)

    @property
    def jobs(self) -> list[Job]:
        return [job for unit in self.units for job in unit]

    def estimate(self) -> Account:
        """What the jobs cost if every listing reaches both readers, and nothing is in the log yet. Estimated from the
        lengths of texts; a reasoning model's thoughts are not in it."""
        account = Account(self.settings.prices)
        answer = render_answer(Ratings.full(self.policy.category_ids))
        for job in self.jobs:
            requests: list[tuple[list[Message], int]] = [
                (prompts.writer_messages(self.policy, job), count_tokens(job.base.text) + 140),
                (prompts.first_reader_messages(self.policy, job.base), 2 * count_tokens(answer)),
                (prompts.second_reader_messages(self.policy, job.base), 40),
            ]
            for messages, tokens_out in requests:
                account.add(count_message_tokens(messages), tokens_out, estimated=True)
        return account

    def sample_prompts(self, count: int = 3) -> Iterator[tuple[Job, list[Message]]]:
        """Prompts as they would be sent, of different tasks as far as there are any."""
        first = {job.task: job for job in reversed(self.jobs)}
        chosen = [*first.values(), *(job for job in self.jobs if job is not first[job.task])][:count]
        for job in chosen:
            yield job, prompts.writer_messages(self.policy, job)

    def run(self, progress: Callable[[Status], None] = lambda status: None) -> dict[str, Any]:
        """Ask for every job, write the files, return the summary. Raises `UserError` when the server cannot be used and
        `KeyboardInterrupt` after Ctrl-C; what was answered until then is in the files either way."""
        settings, began = self.settings, time.monotonic()
        # The log's lock comes first: two runs must not both find the folder empty.
        with ResponseLog(settings.out / RESPONSES) as log:
            self._check_plan()
            paid = Account(settings.prices)
            for answer in log:
                paid.add(answer.tokens_in, answer.tokens_out, answer.estimated)
            purse = Purse(paid, settings.budget)
            client = Client(settings.server, log, purse, Account(settings.prices))
            loop = Loop(settings, self.policy, self.units, client, progress)
            asyncio.run(loop.run())
            outcomes = drop_repeats(loop.outcomes, self.seeds)
            write_outcomes(outcomes, settings.out)
            summary = {
                **summarise(outcomes),
                "stopped": loop.stopped or None,
                "cost": {
                    "this_run": client.account.to_record(),
                    "this_folder": paid.to_record(),
                    "estimate_before": self.estimate().to_record(),
                    "requests_sent": client.sent,
                    "answers_replayed": client.replayed,
                    "dollars_per_million": dataclasses.asdict(settings.prices),
                    "budget": settings.budget,
                },
                "seconds": round(time.monotonic() - began, 1),
                "seeds": {
                    "allowed": len(self.seeds.allowed),
                    "violating": len(self.seeds.violating),
                    "left_out": dict(self.seeds.left_out.most_common()),
                },
                "plan": self._plan(),
            }
            write_summary(settings.out, summary)
        if loop.failure is not None:
            raise loop.failure
        if loop.stopped == "interrupted":
            raise KeyboardInterrupt
        return summary

    def _plan(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "source": settings.source, "seeds": self.seeds.fingerprint, "model": settings.model,
            "second_model": settings.second_model, "tasks": list(settings.tasks), "seed": settings.seed,
            "policy": self.policy.version_label,
        }  # fmt: skip

    def _check_plan(self) -> None:
        """A folder belongs to one plan: the files of another would be replaced by those of this one."""
        path, plan = self.settings.out / PLAN, self._plan()
        if not path.exists():
            write_json(path, plan)
            return
        try:
            before = json.loads(read_text(path, "plan"))
            changed = [name for name, value in plan.items() if before[name] != value and name != "source"]
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is no plan of modsmith; choose another --out") from error
        if changed:
            raise UserError(
                f"{self.settings.out} holds a run with another {changed[0]} ({before[changed[0]]!r}, now "
                f"{plan[changed[0]]!r}); choose another --out, or repeat that run's settings to go on with it"
            )
