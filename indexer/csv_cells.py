"""Values of a CSV that a spreadsheet opens safely."""


def safe_cell(value: object) -> object:
    """Return the value; text that a spreadsheet would run as a formula is quoted."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
