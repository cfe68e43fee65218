"""What to do with files that people have and that no reader knows, by their suffix."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from indexer.sources.names import shown

_TO_TIFF = "make a GeoTIFF of it"
_ADVICE: Mapping[str, str] = {
    ".zip .7z .rar .gz .tgz .tar .bz2 .xz": "is an archive; unpack it and give the folder",
    ".ecw .sid": f"needs a licensed reader; {_TO_TIFF} with the GIS that has one",
    ".kmz": f"is a KML archive; {_TO_TIFF}: gdal_translate map.kmz map.tif",
    ".nc .hdf .h5 .grb .grib .safe": (
        f"holds many layers; {_TO_TIFF} of three of them, for example with QGIS"
    ),
    ".tpk .tpkx .vtpk": (
        "is an ArcGIS tile package (a zip); unpack it and give the folder, if its tiles are single "
        "files; of bundles make a GeoTIFF: gdal_translate -projwin WEST NORTH EAST SOUTH conf.xml "
        "map.tif"
    ),
    ".bundle .bundlx": "is a part of an ArcGIS compact cache; give the folder that holds conf.xml",
    ".sqlitedb .rmap": (
        "is a map of a phone application; export it as MBTiles, for example with SAS.Planet"
    ),
    ".dng .arw .cr2 .cr3 .nef .raf .rw2 .orf .srw": (
        "is a raw photo; develop it as JPEG and keep its metadata"
    ),
    ".mp4 .mov .avi .mkv .mts .m4v .webm .ts": (
        "is a video; save frames of it (ffmpeg -i video.mp4 -vf fps=1 %05d.jpg) with a table of "
        "their positions"
    ),
    ".xls .xlsx .ods": "is a spreadsheet; save it as CSV",
    ".jsonl .ndjson": "is no GeoJSON; write a CSV or a FeatureCollection",
    ".shp .kml .gml .gpx .dxf .dwg .pbf .osm": "holds vectors; give images of the ground",
    ".las .laz .e57 .xyz": "is a point cloud; give the orthophoto made of it",
    ".obj .glb .gltf .ply .fbx .osgb .b3dm": (
        "is a model; safenet-world fly renders views of it, or give the orthophoto made of it"
    ),
}
_BY_SUFFIX = {suffix: text for suffixes, text in _ADVICE.items() for suffix in suffixes.split()}

WORLD_FILES = (".jgw", ".jgwx", ".pgw", ".pgwx", ".jpgw", ".pngw", ".tfw", ".wld")


def advice_for(suffix: str) -> str | None:
    """Return what to do with files of a suffix (lower case, with its dot); None: unknown."""
    if suffix in WORLD_FILES:
        return (
            "is a world file, which names no reference system; put both into a GeoTIFF: "
            "gdal_translate -a_srs EPSG:32633 map.jpg map.tif"
        )
    return _BY_SUFFIX.get(suffix)


def first_advice(files: Iterable[Path]) -> str | None:
    """Return the advice for the first file for which there is some, with its name."""
    for file in files:
        text = advice_for(file.suffix.lower())
        if text is not None:
            return f"{shown(file.name)} {text}"
    return None
