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
    """Whether an error is a bug in a program, such as in a function that returns connections."""
    return isinstance(error, _PROGRAMMING_ERRORS)
