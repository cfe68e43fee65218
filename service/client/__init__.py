"""A small typed client of the service; it needs httpx and nothing else of this project.

from service.client import Client
with Client("http://127.0.0.1:8000") as client:
    answer = client.localize("photo.jpg", top_k=3)
    print(answer.status, answer.estimate)
"""

from service.client.answers import (
    Answer,
    Estimate,
    Explanation,
    Flight,
    Galleries,
    Gallery,
    GalleryVersion,
    Image,
    ImageAnswer,
    Match,
    Model,
    Problem,
    Query,
    RefusedGallery,
    Timing,
)
from service.client.client import AsyncClient, Client
from service.client.flights import Fix, Frame, OpenTrack
from service.client.questions import Parameters, ProblemError

__all__ = [
    "Answer",
    "AsyncClient",
    "Client",
    "Estimate",
    "Explanation",
    "Fix",
    "Flight",
    "Frame",
    "Galleries",
    "Gallery",
    "GalleryVersion",
    "Image",
    "ImageAnswer",
    "Match",
    "Model",
    "OpenTrack",
    "Parameters",
    "Problem",
    "ProblemError",
    "Query",
    "RefusedGallery",
    "Timing",
]
