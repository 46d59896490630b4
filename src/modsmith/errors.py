"""The one error type that a person is meant to read.

Everything a user can cause (a broken policy, an unreadable file, an unknown model, a full disk) is raised as
`UserError` with one sentence: what is wrong, where, and how to mend it. The command line prints that sentence and
exits with code 2; any other exception is a bug and keeps its traceback.
"""


class UserError(Exception):
    """Bad input or a bad environment, told in one sentence."""
