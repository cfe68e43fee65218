"""A position in other notations."""

from pydantic import BaseModel, Field


class CoordinatesBody(BaseModel):
    """A position in other notations."""

    dms: str = Field(description="Degrees, minutes, seconds.")
    utm: str = Field(
        description="UTM zone with hemisphere, easting, northing, m; UPS at the poles."
    )
    mgrs: str = Field(description="MGRS reference, 1 m.")
