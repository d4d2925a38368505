"""Exceptions that mean a bug in a program: they are neither translated nor retried."""

_PROGRAMMING_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    TypeError,
)


def is_programming_error(error: BaseException) -> bool:
    """Whether a program is wrong, such as a function that should return connections."""
    return isinstance(error, _PROGRAMMING_ERRORS)
