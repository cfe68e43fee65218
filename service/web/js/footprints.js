// A gallery's footprints, drawn on canvas tiles: 10,000 of them pan as one picture.

import * as L from "../leaflet/leaflet-src.esm.js";

const DOT_BELOW_PX = 3;

/** Leaflet layer of a GeoJSON collection of polygons and points with `id`. */
export const FootprintLayer = L.GridLayer.extend({
  initialize() {
    L.GridLayer.prototype.initialize.call(this, { zIndex: 2, className: "footprints" });
    this.shapes = [];
    this.byId = new Map();
  },

  /** Replace what is drawn; null clears. */
  setCollection(collection) {
    this.shapes = (collection?.features ?? []).map(shapeOf);
    this.byId = new Map(this.shapes.map((shape) => [shape.id, shape]));
    if (this._map) this.redraw();
  },

  /** The four (or more) [lat, lon] corners of an image, or null. */
  cornersOf(imageId) {
    const shape = this.byId.get(imageId);
    return shape && shape.ring.length > 1 ? shape.ring : null;
  },

  /** Leaflet bounds of everything that is drawn, or null. */
  extent() {
    const bounds = L.latLngBounds([]);
    for (const { south, west, north, east } of this.shapes) bounds.extend([[south, west], [north, east]]);
    return bounds.isValid() ? bounds : null;
  },

  /** The footprint under a position: the one whose middle is nearest; null where none is. */
  at(latlng) {
    const inside = this.shapes.filter((shape) => holds(shape, latlng));
    const far = (shape) =>
      Math.hypot(shape.south + shape.north - 2 * latlng.lat, shape.west + shape.east - 2 * latlng.lng);
    return inside.reduce((best, shape) => (!best || far(shape) < far(best) ? shape : best), null);
  },

  createTile(coords) {
    const tile = document.createElement("canvas");
    const size = this.getTileSize();
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    tile.width = size.x * ratio;
    tile.height = size.y * ratio;
    const context = tile.getContext("2d");
    context.scale(ratio, ratio);
    this.draw(context, coords, size);
    return tile;
  },

  draw(context, coords, size) {
    const map = this._map;
    const origin = coords.scaleBy(size);
    const box = this._tileCoordsToBounds(coords);
    const [west, east] = [box.getWest(), box.getEast()];
    const [south, north] = [box.getSouth(), box.getNorth()];
    const path = new Path2D();
    for (const shape of this.shapes) {
      if (shape.west > east || shape.east < west) continue;
      if (shape.south > north || shape.north < south) continue;
      const ring = shape.ring.map((corner) => map.project(corner, coords.z).subtract(origin));
      trace(path, ring);
    }
    // Dark under light: seen over bright and dark imagery alike.
    context.lineWidth = 2.5;
    context.strokeStyle = "rgb(0 0 0 / 25%)";
    context.stroke(path);
    context.lineWidth = 1;
    context.strokeStyle = "rgb(255 255 255 / 55%)";
    context.stroke(path);
  },
});

function trace(path, ring) {
  const width = Math.abs(ring[0].x - ring[Math.floor(ring.length / 2)].x);
  if (ring.length === 1 || width < DOT_BELOW_PX) {
    path.rect(ring[0].x - 1, ring[0].y - 1, 2, 2);
    return;
  }
  path.moveTo(ring[0].x, ring[0].y);
  for (const point of ring.slice(1)) path.lineTo(point.x, point.y);
  path.closePath();
}

function shapeOf(feature) {
  const { type, coordinates } = feature.geometry;
  const positions = type === "Point" ? [coordinates] : coordinates[0].slice(0, -1);
  const first = positions[0][0];
  // Across the antimeridian the later corners go on beyond 180 instead of jumping back.
  const ring = positions.map(([lon, lat]) => [lat, lon + 360 * Math.round((first - lon) / 360)]);
  const latitudes = ring.map(([lat]) => lat);
  const longitudes = ring.map(([, lon]) => lon);
  return {
    id: feature.id,
    ring,
    south: Math.min(...latitudes),
    north: Math.max(...latitudes),
    west: Math.min(...longitudes),
    east: Math.max(...longitudes),
  };
}

function holds(shape, { lat, lng }) {
  if (lat < shape.south || lat > shape.north || lng < shape.west || lng > shape.east) return false;
  let inside = false;
  shape.ring.forEach(([latA, lonA], i) => {
    const [latB, lonB] = shape.ring.at(i - 1);
    const crosses = latA > lat !== latB > lat;
    if (crosses && lng < lonA + ((lat - latA) * (lonB - lonA)) / (latB - latA)) inside = !inside;
  });
  return inside;
}
