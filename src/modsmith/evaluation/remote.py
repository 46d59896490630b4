"""Systems behind a server: any OpenAI-compatible chat model with the policy in its prompt, any moderation route.

| what happens | what follows |
|---|---|
| a request fails in spite of retries, or is refused; an answer cannot be read | that listing has a verdict that did not parse: the system is wrong there |
| the server cannot be asked at all (no connection, no such model, no key) before any answer | `UserError`: the system is reported as not run |
| the same after some answers | the listings left have verdicts that did not parse |

Chat models get the policy at full length, with its inclusions, exclusions and examples, and may write around their
answer: exactly one `<answer>` block is read. Every answer is logged and never asked for again, so a second run gives the
same figures and costs nothing.
"""  # noqa: E501 - table rows

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modsmith.corpus.generate.client import Client, NoAnswerError, RefusedError, Server, StoppedError
from modsmith.corpus.generate.cost import Account, Prices, Purse, count_tokens
from modsmith.corpus.generate.responses import Answer, ResponseLog, request_key
from modsmith.errors import UserError
from modsmith.evaluation.outcomes import Prediction
from modsmith.evaluation.systems import Tick
from modsmith.listing import Listing
from modsmith.policy import Policy
from modsmith.prompt import build_messages, parse_answer, render_answer, split_windows
from modsmith.ratings import Ratings, Verdict

WINDOW = 24_000
"""Characters of a listing that a chat model sees at once; of longer ones the worst window counts."""
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Address:
    """A system behind a server, as named on the command line."""

    name: str
    model: str
    endpoint: str

    @classmethod
    def parse(cls, text: str, option: str) -> Address:
        """`[NAME=]MODEL@http://...`. Raises `UserError`."""
        match = re.fullmatch(r"(?:(?P<name>[^=]+)=)?(?P<model>.+)@(?P<endpoint>https?://\S+)", text)
        if match is None:
            raise UserError(f"{option} {text!r}: write MODEL@ADDRESS or NAME=MODEL@ADDRESS, with an address such as "
                            "http://localhost:8000/v1")  # fmt: skip
        return cls(match["name"] or match["model"], match["model"], match["endpoint"])


class _Remote:
    """Asks for every listing at once, within the server's limits, in one event loop."""

    def __init__(self, address: Address, policy: Policy, log: Path, key: str = "", first_wait: float = 1.0) -> None:
        self.address, self.policy = address, policy
        self._log = log
        self._server = Server(address.endpoint, key, first_wait=first_wait)
        self._answered = 0

    def rate(self, listings: Sequence[Listing], progress: Tick | None = None) -> list[Verdict]:
        """One verdict each. Raises `UserError` when the server cannot be asked at all."""
        with ResponseLog(self._log) as log:
            return asyncio.run(self._rate(listings, log, progress))

    async def _rate(self, listings: Sequence[Listing], log: ResponseLog, progress: Tick | None) -> list[Verdict]:
        raise NotImplementedError

    async def _all(
        self, listings: Sequence[Listing], one: Callable[[Listing], Awaitable[Verdict]], progress: Tick | None
    ) -> list[Verdict]:
        fatal: list[UserError] = []

        async def guarded(listing: Listing) -> Verdict:
            try:
                if fatal:
                    return self._failed(listing, str(fatal[0]))
                verdict = await one(listing)
                self._answered += 1
                return verdict
            except (NoAnswerError, RefusedError, StoppedError) as error:
                return self._failed(listing, str(error) or "not asked")
            except UserError as error:
                fatal.append(error)
                return self._failed(listing, str(error))
            finally:
                if progress:
                    progress(1)

        verdicts = await asyncio.gather(*map(guarded, listings))
        if fatal and not self._answered:
            raise fatal[0]
        return list(verdicts)

    def _failed(self, listing: Listing, why: str) -> Verdict:
        return Verdict(
            listing.id,
            self.policy.decide(None),
            ratings=None,
            scores=None,
            reasoning=why,
            parse_ok=False,
            model=self.address.name,
            policy_version=self.policy.version_label,
        )


class ChatModel(_Remote):
    """A chat model that reads the policy in its prompt and rates every category. It gives no scores."""

    async def _rate(self, listings: Sequence[Listing], log: ResponseLog, progress: Tick | None) -> list[Verdict]:
        prices = Prices()
        client = Client(self._server, log, Purse(Account(prices), None), Account(prices))
        limit = 1000 + 2 * count_tokens(render_answer(Ratings.full(self.policy.category_ids)))
        try:
            return await self._all(listings, lambda listing: self._one(client, listing, limit), progress)
        finally:
            await client.close()

    async def _one(self, client: Client, listing: Listing, limit: int) -> Verdict:
        windows = split_windows(listing, WINDOW)
        found: list[Ratings] = []
        for window in windows:
            messages = build_messages(self.policy, window, full=True)
            answer = await client.ask("evaluation", self.address.model, messages, limit)
            ratings = self._read(answer.text)
            if ratings is None:
                return self._failed(listing, answer.withheld or answer.text[:500])
            found.append(ratings)
        worst = Ratings({name: max(one[name] for one in found) for name in self.policy.category_ids})
        return Verdict(
            listing.id,
            self.policy.decide(worst),
            ratings=worst,
            scores=None,
            model=self.address.name,
            policy_version=self.policy.version_label,
            windows=len(windows),
        )

    def _read(self, text: str) -> Ratings | None:
        blocks = re.findall(r"<answer>.*?</answer>", text, re.DOTALL)
        return parse_answer(blocks[0], self.policy.category_ids).ratings if len(blocks) == 1 else None


class ModerationRoute(_Remote):
    """`POST /moderations`. Its `flagged` is the decision, its highest category score the decision score; its categories
    are not the policy's, so nothing that needs ratings is measured."""

    async def _rate(self, listings: Sequence[Listing], log: ResponseLog, progress: Tick | None) -> list[Verdict]:
        import openai

        server = self._server
        client = openai.AsyncOpenAI(
            api_key=server.key or "none", base_url=server.endpoint, max_retries=ATTEMPTS, timeout=server.timeout
        )
        slots = asyncio.Semaphore(server.concurrency)

        async def one(listing: Listing) -> Verdict:
            key = request_key("moderation", self.address.model, [{"content": listing.text}])
            if (known := log.get(key)) is None:
                async with slots:
                    known = Answer(await self._ask(client, listing.text), self.address.model, 0, 0)
                log.put(key, known)
            return self._verdict(listing, json.loads(known.text))

        try:
            return await self._all(listings, one, progress)
        finally:
            await client.close()

    async def _ask(self, client: Any, text: str) -> str:
        """The first result as JSON. Raises `UserError`, `RefusedError` or `NoAnswerError`."""
        import httpx
        import openai

        place = self.address.endpoint
        try:
            response: httpx.Response = await client.post(
                "/moderations", body={"model": self.address.model, "input": text}, cast_to=httpx.Response
            )
            result = response.json()["results"][0]
            if not isinstance(result["flagged"], bool):
                raise TypeError
            scores = [float(score) for score in (result.get("category_scores") or {}).values() if score is not None]
        except openai.APIStatusError as error:
            if error.status_code in (401, 403, 404):
                raise UserError(f"{place} does not take moderation requests ({error.status_code}); is the address "
                                "right, and MODSMITH_API_KEY or OPENAI_API_KEY set?") from error  # fmt: skip
            failure = RefusedError if error.status_code < 500 and error.status_code != 429 else NoAnswerError
            raise failure(f"it answered {error.status_code}") from error
        except openai.APIConnectionError as error:
            if self._answered:
                raise NoAnswerError("broken connection") from error
            raise UserError(f"{place} does not answer; run again when it does") from error
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise NoAnswerError("an answer that is no moderation result") from error
        return json.dumps({"flagged": result["flagged"], "score": max(scores, default=None)})

    def _verdict(self, listing: Listing, found: dict[str, Any]) -> Verdict:
        return Prediction(
            listing.id,
            "disallow" if found["flagged"] else "allow",
            ratings=None,
            scores=None,
            model=self.address.name,
            policy_version=self.policy.version_label,
            decision_score=found["score"],
        )
