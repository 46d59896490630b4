"""Asking an OpenAI-compatible server: bounded, retried, within the budget, and every answer logged before it is used.

| what happens | what follows |
|---|---|
| 408, 409, 429, 5xx, time-out, broken connection, a body that is no JSON | the request is sent again, up to `ATTEMPTS` times in all, after what `Retry-After` asks or a random, growing wait; then `NoAnswerError` |
| the same for `IN_A_ROW` requests in a row, or for the very first | `UserError`: the run ends |
| 401, 402, 403, 404, 429 for a used-up account, no chat completion | `UserError`: the run ends |
| any other 4xx (a content filter, too long a prompt) | `RefusedError`: this request only; `UserError` when it befalls the first three |
"""  # noqa: E501 - table rows

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from modsmith.corpus.generate.cost import Account, Message, Purse, count_message_tokens, count_tokens
from modsmith.corpus.generate.responses import Answer, ResponseLog, plain_answer, request_key, spoken
from modsmith.corpus.generate.retry import BrokenAnswerError, passes, retry_after
from modsmith.corpus.limits import must_not_be_kept
from modsmith.errors import UserError

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion
    from tenacity import RetryCallState

ATTEMPTS = 6
LONGEST_WAIT = 120.0
"""Seconds; a server that asks for more is asked again after this."""
IN_A_ROW = 8


class NoAnswerError(Exception):
    """The server did not answer in spite of retries; worth another try in a later run."""


class RefusedError(Exception):
    """The server does not take this request."""


class StoppedError(Exception):
    """The run is ending: nothing new is asked."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask, and how hard."""

    endpoint: str
    key: str = field(default="", repr=False)
    concurrency: int = 8
    requests_per_minute: float | None = None
    timeout: float = 180.0
    """Seconds for one attempt."""
    first_wait: float = 1.0
    """Seconds: about how long the first retry waits; doubled each time."""

    def __post_init__(self) -> None:
        if not re.match(r"https?://\S+$", self.endpoint):
            raise UserError(
                f"--endpoint {self.endpoint!r} is no web address; give one such as http://localhost:8000/v1"
            )


class Client:
    """One server, one log, one purse. `ask` may be called from many tasks at once."""

    def __init__(self, server: Server, log: ResponseLog, purse: Purse, account: Account) -> None:
        import openai
        from aiolimiter import AsyncLimiter

        self._server, self._log, self._purse = server, log, purse
        self.account = account
        """What this run has paid for."""
        self.replayed = self.sent = 0
        self.stopping = asyncio.Event()
        self._openai = openai.AsyncOpenAI(
            api_key=server.key or "none", base_url=server.endpoint, max_retries=0, timeout=server.timeout
        )
        self._slots = asyncio.Semaphore(server.concurrency)
        # One at a time, evenly spaced: a limiter of N a minute would let 2 N through in its first minute.
        pace = server.requests_per_minute
        self._pace = AsyncLimiter(1, 60 / pace) if pace else None
        self._limit_names = ["max_tokens", "max_completion_tokens", ""]
        self._failures = self._refusals = 0

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def ask(self, name: str, model: str, messages: list[Message], limit: int) -> Answer:
        """The answer of at most `limit` tokens, from the log if it is there. Raises what the module's table says,
        `BudgetSpentError`, and `StoppedError` once `stopping` is set."""
        key = request_key(name, model, messages)
        if (known := self._log.get(key)) is not None:
            self.replayed += 1
            return known
        async with self._slots:
            if self.stopping.is_set():
                raise StoppedError
            most = self.account.prices.dollars(count_message_tokens(messages), limit) or 0.0
            await self._purse.reserve(most)
            try:
                answer = self._read(await self._send(model, messages, limit), model, messages)
                self._log.put(key, answer)
                for account in (self.account, self._purse.account):
                    account.add(answer.tokens_in, answer.tokens_out, answer.estimated)
            finally:
                await self._purse.release(most)
        return answer

    def _read(self, completion: ChatCompletion, model: str, messages: list[Message]) -> Answer:
        message = completion.choices[0].message
        said = (message.content or getattr(message, "refusal", None) or "") if message else ""
        text = plain_answer(said)
        reason = must_not_be_kept(spoken(text))
        tokens_in = getattr(completion.usage, "prompt_tokens", None)
        tokens_out = getattr(completion.usage, "completion_tokens", None)
        return Answer(
            text="" if reason else text,
            model=model,
            tokens_in=count_message_tokens(messages) if tokens_in is None else tokens_in,
            tokens_out=count_tokens(said) if tokens_out is None else tokens_out,
            estimated=tokens_in is None or tokens_out is None,
            withheld=reason or "",
        )

    async def _send(self, model: str, messages: list[Message], limit: int) -> ChatCompletion:
        from openai import APIConnectionError, APIStatusError
        from tenacity import AsyncRetrying, retry_if_exception

        retrying = AsyncRetrying(
            retry=retry_if_exception(passes), wait=self._wait, stop=self._gives_up, sleep=self._sleep, reraise=True
        )
        try:
            completion: ChatCompletion = await retrying(self._once, model, messages, limit)
        except APIStatusError as error:
            if not passes(error):
                raise self._refusal(error, model) from error
            raise self._failure(f"it answered {error.status_code}") from error
        except (APIConnectionError, BrokenAnswerError, json.JSONDecodeError) as error:
            raise self._failure(str(error) or "broken connection") from error
        self._failures = 0
        return completion

    async def _once(self, model: str, messages: list[Message], limit: int) -> ChatCompletion:
        from openai import BadRequestError, UnprocessableEntityError

        if self._pace:
            await self._unless_stopped(self._pace.acquire())
        if self.stopping.is_set():
            raise StoppedError
        self.sent += 1
        limit_name = self._limit_names[0]
        options: dict[str, Any] = {limit_name: limit} if limit_name else {}
        try:
            completion = await self._openai.chat.completions.create(
                model=model, messages=cast(Any, messages), **options
            )
        except (BadRequestError, UnprocessableEntityError) as error:
            # Servers differ in the name of this one option, and some models take none.
            if not limit_name or limit_name not in str(error):
                raise
            if self._limit_names[0] == limit_name:
                self._limit_names.pop(0)
            return await self._once(model, messages, limit)
        if not hasattr(completion, "choices"):
            place = self._server.endpoint
            raise UserError(f"{place} does not answer as an OpenAI-compatible server; does the address end in /v1?")
        if not completion.choices:  # some gateways report a failure behind them this way
            raise BrokenAnswerError("an answer without choices")
        return completion  # type: ignore[no-any-return]

    # --- failures ----------------------------------------------------------------------------------------------------

    def _gives_up(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        nobody_there = type(error).__name__ == "APIConnectionError" and not self.account.requests
        return self.stopping.is_set() or state.attempt_number >= (3 if nobody_there else ATTEMPTS)

    def _wait(self, state: RetryCallState) -> float:
        from tenacity import wait_random_exponential

        asked = retry_after(state.outcome.exception() if state.outcome else None)
        grown = wait_random_exponential(multiplier=self._server.first_wait, max=60)(state)
        return min(LONGEST_WAIT, grown if asked is None else asked + grown / 10)

    async def _sleep(self, seconds: float) -> None:
        await self._unless_stopped(asyncio.sleep(seconds))

    async def _unless_stopped(self, wait: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.ensure_future(wait), asyncio.ensure_future(self.stopping.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    def _failure(self, why: str) -> Exception:
        if self.stopping.is_set():
            return StoppedError()
        self._failures += 1
        if not self.account.requests or self._failures >= IN_A_ROW:
            return UserError(f"{self._server.endpoint} does not answer ({self._plain(why)}); run again when it does")
        return NoAnswerError(self._plain(why))

    def _refusal(self, error: Any, model: str) -> Exception:
        status, place = error.status_code, self._server.endpoint
        if status in (401, 403):
            return UserError(f"{place} does not take the API key ({status}); set MODSMITH_API_KEY or OPENAI_API_KEY")
        if status in (402, 429):
            return UserError(f"{place} says that the account is used up ({status}); top it up and run again")
        if status == 404:
            return UserError(f"{place} knows no such address or no model {model!r} (404); does the address end in /v1?")
        self._refusals += 1
        sentence = self._plain(error.message)
        if not self.account.requests and self._refusals >= 3:
            return UserError(f"{place} takes no request ({status}): {sentence}")
        return RefusedError(f"{status}: {sentence}")

    def _plain(self, text: str) -> str:
        """One short line without the API key."""
        if self._server.key:
            text = text.replace(self._server.key, "***")
        return " ".join(text.split())[:200]
