"""A track as JSON, GeoJSON, GPX, KML or CSV.

Every position is the ground in the middle of the photo, not the drone's.
"""
