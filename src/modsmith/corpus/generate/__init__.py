"""A language model behind any OpenAI-compatible server as a writer of training listings."""

from modsmith.corpus.generate.axes import TASKS, Task
from modsmith.corpus.generate.client import Server
from modsmith.corpus.generate.cost import Account, Prices
from modsmith.corpus.generate.plan import parse_tasks
from modsmith.corpus.generate.run import Generation
from modsmith.corpus.generate.settings import Settings, Status

__all__ = ["TASKS", "Account", "Generation", "Prices", "Server", "Settings", "Status", "Task", "parse_tasks"]
