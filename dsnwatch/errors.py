"""What can go wrong that is not the mail's fault, and the exit status each ends a command with.

DsnwatchError                 one line for a person, with the next step in it
├── UsageError            2   the command line or an argument
├── ConfigError           2   the configuration file: says file, line or key
│   └── RuleError         2   a row of a rule table: says file, row id, reason
├── DataError             65  a row of the operator's file cannot be meant (EX_DATAERR)
├── SourceError           66  mail that cannot be opened or read (EX_NOINPUT)
├── StoreError            74  the database said no (EX_IOERR)
│   ├── StoreBusyError    75  locked by another writer for too long (EX_TEMPFAIL)
│   │   ├── StoreConflictError  another one wrote the same at the same moment
│   │   └── StoreLeaseError     another daemon has taken over what this one was doing
│   ├── StoreFullError    74  no space left where it lies
│   └── StoreSchemaError  78  not our database, or one of a newer dsnwatch (EX_CONFIG)
├── UnavailableError      69  a service that should answer does not (EX_UNAVAILABLE)
└── HookError             69  another system could not be told; it is tried again later
    └── HookGone          69  it never will be: this is a dead letter

Bad mail is none of these: it is a defect on the report.
"""

import sys


def installing(extra: str) -> str:
    """Say what installs one of our extras, into the environment that this runs in."""
    return f'{sys.executable} -m pip install "dsnwatch[{extra}]"'


class DsnwatchError(Exception):
    """One clear line, with the next step in it; the command line prints it and exits."""

    exit_status = 70


class UsageError(DsnwatchError):
    """An argument that cannot be meant."""

    exit_status = 2


class ConfigError(DsnwatchError):
    """The configuration says something that cannot be done."""

    exit_status = 2


class RuleError(ConfigError):
    """A row of a rule table is wrong."""

    def __init__(self, file: str, row: str, reason: str) -> None:
        super().__init__(f"{file}: row '{row}': {reason}")
        self.file = file
        self.row = row
        self.reason = reason


class DataError(DsnwatchError):
    """A row of a file that the operator handed in cannot be meant; says file and line."""

    exit_status = 65


class SourceError(DsnwatchError):
    """A file, folder or stream of mail cannot be opened or read on."""

    exit_status = 66


class StoreError(DsnwatchError):
    """The database cannot be opened, read or written."""

    exit_status = 74


class StoreBusyError(StoreError):
    """Another process holds the database's write lock."""

    exit_status = 75


class StoreConflictError(StoreBusyError):
    """Another transaction wrote the same at the same moment; nothing of this one is stored."""


class StoreLeaseError(StoreBusyError):
    """Another daemon has the duty by now; nothing of this transaction is stored."""


class StoreFullError(StoreError):
    """The disk that holds the database is full."""


class StoreSchemaError(StoreError):
    """The file is not a dsnwatch store, or a newer version's."""

    exit_status = 78


class UnavailableError(DsnwatchError):
    """A service that should answer does not."""

    exit_status = 69


class HookError(DsnwatchError):
    """Another system could not be told of something; it is to be tried again later.

    Args:
        text: What went wrong, in a line without secrets.
        after_seconds: How long it asked to be left alone; None where it did not ask.
        answers: Whether the other side is well and refuses just this; else, after some of these
            in a row, the hook rests.
    """

    exit_status = 69

    def __init__(
        self, text: str, *, after_seconds: float | None = None, answers: bool = False
    ) -> None:
        super().__init__(text)
        self.after_seconds = after_seconds
        self.answers = answers


class HookGone(HookError):  # noqa: N818  the design's word
    """Another system says that it never wants this."""

    def __init__(self, text: str) -> None:
        super().__init__(text, answers=True)
