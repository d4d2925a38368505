"""Exceptions that say that a program is wrong: they are neither translated nor tried again."""

_MISTAKES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    TypeError,
)


def is_mistake(error: BaseException) -> bool:
    """Whether it is an error of the program, such as the function that lends connections."""
    return isinstance(error, _MISTAKES)
