"""The error tree: every failure that storeflow names, and the facts it carries.

StoreflowError
├── ContractError    a message or document is not what the contract says
│   └── ConfigError  a twin section, a layout or a model card that an operator can fix
├── TransportError   edgeHub, a broker or a side channel refused or vanished
├── SourceError      a camera or a clip cannot be opened, read or trusted
├── ModelError       a model file, its card or its engine cannot be used
└── StorageError     the disk or a database refused
"""


class StoreflowError(Exception):
    """Base of everything that storeflow raises on purpose."""


class ContractError(StoreflowError):
    """A message or document is not what the contract says."""


class ConfigError(ContractError):
    """A setting that its owner can fix.

    Attributes:
        problems: one line for each, as `path.to.field: fact`.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class TransportError(StoreflowError):
    """edgeHub, a broker or a side channel refused the message or vanished."""


class SourceError(StoreflowError):
    """A camera or clip cannot be opened, read or trusted."""


class ModelError(StoreflowError):
    """A model file, its card or its engine cannot be used."""


class StorageError(StoreflowError):
    """The disk or a database refused to keep or give back what it was given."""
