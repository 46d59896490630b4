"""Every job is written, filtered and read twice; many at once."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from modsmith.corpus.generate import filters, prompts
from modsmith.corpus.generate.client import Client, NoAnswerError, RefusedError, StoppedError
from modsmith.corpus.generate.cost import BudgetSpentError, Message
from modsmith.corpus.generate.outcome import Outcome
from modsmith.corpus.generate.plan import Job
from modsmith.corpus.generate.responses import Answer
from modsmith.corpus.generate.settings import Settings, Status
from modsmith.errors import UserError
from modsmith.policy import Policy

WRITER_LIMIT, READER_LIMIT = 4096, 2048
"""Tokens of an answer at most; room for the thoughts of a reasoning model."""


class Loop:
    """Workers over the units. When the run stops early the rest is still replayed as far as the log goes."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        units: Sequence[Sequence[Job]],
        client: Client,
        progress: Callable[[Status], None],
    ) -> None:
        self.settings, self.policy, self.units, self.client = settings, policy, units, client
        self._progress = progress
        self._found: dict[str, Outcome] = {}
        self._total, self._accepted = sum(map(len, units)), 0
        self.stopped = ""
        """Why the run ended early: "budget", "interrupted" or "server"."""
        self.failure: UserError | None = None

    @property
    def outcomes(self) -> Iterator[Outcome]:
        return (self._found[job.name] for unit in self.units for job in unit)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ValueError, RuntimeError, NotImplementedError):  # signals: main thread, POSIX
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._interrupt)
        try:
            todo = iter(self.units)
            async with asyncio.TaskGroup() as group:
                for _ in range(self.settings.server.concurrency):
                    group.create_task(self._work(todo))
        finally:
            await self.client.close()

    def _interrupt(self) -> None:
        """What is under way is paid for and awaited; a second signal ends at once."""
        self._stop("interrupted")
        self._report()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)

    def _report(self) -> None:
        ending = self.client.stopping.is_set()
        self._progress(Status(len(self._found), self._total, self._accepted, self.client.account, ending))

    def _stop(self, why: str) -> None:
        self.stopped = self.stopped or why
        self.client.stopping.set()

    async def _work(self, todo: Iterator[Sequence[Job]]) -> None:
        for unit in todo:
            retold: Outcome | None = None
            for job in unit:
                if retold is not None and retold.example is not None:
                    job = job.on(retold.example.listing, retold.job.axes.tone)
                if retold is not None and retold.state == "open":  # its twin would start from another text later
                    outcome = Outcome(job, "open", retold.reason, retold.detail)
                else:
                    outcome = await self._try(job)
                self._found[job.name] = retold = outcome
                self._accepted += outcome.state == "accepted"
                self._report()

    async def _try(self, job: Job) -> Outcome:
        try:
            return await self._do(job)
        except StoppedError:
            return Outcome(job, "open", "not asked")
        except BudgetSpentError:
            self._stop("budget")
            return Outcome(job, "open", "not asked")
        except NoAnswerError as error:
            return Outcome(job, "open", "no answer", str(error))
        except RefusedError as error:
            return Outcome(job, "open", "refused by the server", str(error))
        except UserError as error:
            self.failure = self.failure or error
            self._stop("server")
            return Outcome(job, "open", "not asked")

    async def _do(self, job: Job) -> Outcome:
        answer = await self._ask(job, "writer", self.settings.model, prompts.writer_messages(self.policy, job))
        example = filters.examine(job, answer, self.policy, self.settings.tag)
        if isinstance(example, filters.Rejection):
            return Outcome(job, "rejected", example.reason, example.detail, answer=answer.text)
        texts = await self._read(job, prompts.first_reader_messages(self.policy, example.listing),
                                 prompts.second_reader_messages(self.policy, example.listing))  # fmt: skip
        first, second = filters.read_first(texts[0], self.policy), filters.read_second(texts[1], self.policy)
        if first is None or second is None:
            detail = f"{'first' if first is None else 'second'} reader: {texts[first is not None][:200]}"
            return Outcome(job, "rejected", "judge", detail, answer=answer.text)
        agreed = filters.settle(job, example.ratings, (first, second))
        if agreed is None:
            return Outcome(
                job, "controversial", "controversial", answer=answer.text, claimed=example.ratings,
                readers=(first, second),
            )  # fmt: skip
        return Outcome(job, "accepted", example=dataclasses.replace(example, ratings=agreed), answer=answer.text)

    async def _read(self, job: Job, first: list[Message], second: list[Message]) -> list[str]:
        model = self.settings.model
        answers = await asyncio.gather(
            self._ask(job, "first reader", model, first),
            self._ask(job, "second reader", self.settings.second_model or model, second),
            return_exceptions=True,  # a paid answer of the one is not lost to a failure of the other
        )
        for one in answers:
            if isinstance(one, BaseException):
                raise one
        return [one.text for one in answers if isinstance(one, Answer)]

    async def _ask(self, job: Job, role: str, model: str, messages: list[Message]) -> Answer:
        return await self.client.ask(
            f"{job.name}: {role}", model, messages, WRITER_LIMIT if role == "writer" else READER_LIMIT
        )
