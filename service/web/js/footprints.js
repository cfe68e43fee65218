// A gallery's footprints, drawn on canvas tiles: 10,000 of them pan as one picture.

import * as L from "../leaflet/leaflet-src.esm.js";
import { insideRing } from "./geo.js";

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

  /** The rings of [lat, lon] of an image's ground area, or null. */
  ringsOf(imageId) {
    const shape = this.byId.get(imageId);
    return shape && shape.rings[0].length > 1 ? shape.rings : null;
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
      if (shape.south > north || shape.north < south) continue;
      for (const shift of shiftsOf(shape)) {
        if (shape.west + shift > east || shape.east + shift < west) continue;
        for (const ring of shape.rings) {
          trace(path, ring.map(([lat, lon]) => map.project([lat, lon + shift], coords.z).subtract(origin)));
        }
      }
    }
    // Dark under light: visible over bright and dark imagery alike.
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

/** A shape across the antimeridian also lies on the other edge of the map. */
function shiftsOf(shape) {
  if (shape.east > 180) return [0, -360];
  return shape.west < -180 ? [0, 360] : [0];
}

function shapeOf(feature) {
  const polygons = polygonsOf(feature.geometry);
  const first = polygons[0][0][0];
  // Across the antimeridian the other pieces go on beyond 180 instead of jumping back.
  const beside = ([lon, lat]) => [lat, lon + 360 * Math.round((first - lon) / 360)];
  const rings = polygons.map((positions) => positions.map(beside));
  const latitudes = rings.flat().map(([lat]) => lat);
  const longitudes = rings.flat().map(([, lon]) => lon);
  return {
    id: feature.id,
    rings,
    south: Math.min(...latitudes),
    north: Math.max(...latitudes),
    west: Math.min(...longitudes),
    east: Math.max(...longitudes),
  };
}

/** Lists of [lon, lat] positions, without the repeated last one. */
function polygonsOf({ type, coordinates }) {
  if (type === "Point") return [[coordinates]];
  const polygons = type === "Polygon" ? [coordinates] : coordinates;
  return polygons.map(([outer]) => outer.slice(0, -1));
}

function holds(shape, { lat, lng }) {
  return shiftsOf(shape).some((shift) => {
    const moved = { lat, lng: lng - shift };
    if (lat < shape.south || lat > shape.north) return false;
    if (moved.lng < shape.west || moved.lng > shape.east) return false;
    return shape.rings.some((ring) => insideRing(ring, moved));
  });
}
