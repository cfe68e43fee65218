"""The parameters of a request: the query string and the form fields as one."""

from collections.abc import Iterable
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from service.errors import ParameterError

Parameters = TypeVar("Parameters", bound=BaseModel)


def joined_parameters(
    kind: type[Parameters], query: Iterable[tuple[str, str]], fields: Iterable[tuple[str, str]]
) -> Parameters:
    """Return the checked parameters of a request.

    Args:
        kind: what they must be.
        query: the names and values of the query string.
        fields: the names and values of the form's text fields.

    Raises:
        ParameterError: a name was given twice.
        RequestValidationError: a name is unknown, a value is out of its bound, or values do not
            go together.
    """
    values: dict[str, str] = {}
    for name, value in (*query, *fields):
        if name in values:
            raise ParameterError(
                f"{name[:80]}: given twice ({values[name][:80]!r} and {value[:80]!r}); send it "
                "once, in the query string or as a form field"
            )
        values[name] = value
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
