"""Documents of OGC API - Features (OGC 17-069r4), Part 1: Core, with GeoJSON as the encoding."""

from dataclasses import dataclass
from typing import Any

from indexer.records import Bounds
from service.media_types import GEOJSON, JSON, OPENAPI

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}"
    for name in ("core", "geojson", "oas30")
)


@dataclass(frozen=True, kw_only=True)
class FeatureCollectionFacts:
    """What the document of a collection names: the footprints of one gallery."""

    name: str
    view: str
    extent: Bounds | None


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a collection's features."""

    offset: int
    limit: int
    has_more: bool
    query: str
    """The request's other parameters, as `&name=value` each."""


def link(href: str, rel: str, media_type: str, title: str) -> dict[str, str]:
    """Return one link of a document."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def landing_page(root: str, openapi: str, docs: str) -> dict[str, Any]:
    """Return the landing page.

    Args:
        root: address of the interface, without a final slash.
        openapi: address of the OpenAPI document.
        docs: address of the documentation for people.
    """
    return {
        "title": "Safe-Net Geo",
        "description": "Footprints of the images of each gallery.",
        "links": [
            link(f"{root}", "self", JSON, "This document"),
            link(openapi, "service-desc", OPENAPI, "OpenAPI"),
            link(docs, "service-doc", "text/html", "Documentation"),
            link(f"{root}/conformance", "conformance", JSON, "Conformance classes"),
            link(f"{root}/collections", "data", JSON, "Galleries"),
        ],
    }


def conformance() -> dict[str, Any]:
    """Return the conformance declaration."""
    return {"conformsTo": list(CONFORMANCE)}


def collections(root: str, facts: list[FeatureCollectionFacts]) -> dict[str, Any]:
    """Return the list of the collections."""
    return {
        "links": [link(f"{root}/collections", "self", JSON, "This document")],
        "collections": [collection(root, each) for each in facts],
    }


def collection(root: str, facts: FeatureCollectionFacts) -> dict[str, Any]:
    """Return the description of one collection."""
    address = f"{root}/collections/{facts.name}"
    document: dict[str, Any] = {
        "id": facts.name,
        "title": facts.name,
        "description": f"Footprints of the {facts.view} images of gallery {facts.name}.",
        "itemType": "feature",
        "crs": [CRS84],
        "links": [
            link(address, "self", JSON, "This document"),
            link(f"{address}/items", "items", GEOJSON, "Footprints"),
        ],
    }
    if facts.extent is not None:
        document["extent"] = {"spatial": {"bbox": [list(facts.extent)], "crs": CRS84}}
    return document


def items(
    root: str, name: str, features: list[dict[str, Any]], page: Page, moment: str
) -> dict[str, Any]:
    """Return one page of a collection's features.

    Args:
        root: address of the interface, without a final slash.
        name: of the collection.
        features: GeoJSON features.
        page: which page it is.
        moment: when it was made, RFC 3339.
    """
    address = f"{root}/collections/{name}"

    def at(offset: int) -> str:
        return f"{address}/items?offset={offset}&limit={page.limit}{page.query}"

    links = [
        link(at(page.offset), "self", GEOJSON, "This page"),
        link(address, "collection", JSON, "The collection"),
    ]
    if page.has_more:
        links.append(link(at(page.offset + page.limit), "next", GEOJSON, "Next page"))
    if page.offset:
        links.append(link(at(max(0, page.offset - page.limit)), "prev", GEOJSON, "Page before"))
    return {
        "type": "FeatureCollection",
        "timeStamp": moment,
        "numberReturned": len(features),
        "links": links,
        "features": features,
    }
