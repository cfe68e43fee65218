"""The parameters of a question: the query string and the form fields as one."""

from collections.abc import Iterable

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from service.errors import ParameterError
from service.schemas import QuestionParameters


def joined_parameters(
    query: Iterable[tuple[str, str]], fields: Iterable[tuple[str, str]]
) -> QuestionParameters:
    """Return the checked parameters of a question.

    Args:
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
        return QuestionParameters.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
