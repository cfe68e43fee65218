// The photo on the map: warped to its outline on the ground, with a slider for its opacity.

import * as L from "../leaflet/leaflet-src.esm.js";
import { element } from "./dom.js";

const SHOWN_PX = 512; // side that the picture has before it is warped
const OPACITY = 0.7;

/** An image whose corners lie at four positions: top left, top right, bottom right, bottom left. */
const WarpedImage = L.Layer.extend({
  initialize(url, corners) {
    this.corners = corners.map(([longitude, latitude]) => L.latLng(latitude, longitude));
    this.image = element("img", { class: "photo-on-map", alt: "The photo on the map", src: url });
    this.image.style.opacity = OPACITY;
  },
  onAdd(map) {
    map.getPane("overlayPane").append(this.image);
    map.on("zoomstart", this.hide, this);
    map.on("zoomend viewreset", this.place, this);
    this.place();
  },
  onRemove(map) {
    this.image.remove();
    map.off("zoomstart", this.hide, this);
    map.off("zoomend viewreset", this.place, this);
  },
  hide() {
    this.image.hidden = true;
  },
  place() {
    this.image.hidden = false;
    const points = this.corners.map((corner) => this._map.latLngToLayerPoint(corner));
    this.image.style.transform = matrix3d(points, SHOWN_PX);
  },
});

/**
 * The CSS transform that moves a square's corners to four points of a convex outline.
 * Source: Heckbert, Fundamentals of Texture Mapping and Image Warping, 1989, section 2.2.3.
 */
function matrix3d([a, b, c, d], side) {
  const sum = { x: a.x - b.x + c.x - d.x, y: a.y - b.y + c.y - d.y };
  const one = { x: b.x - c.x, y: b.y - c.y };
  const two = { x: d.x - c.x, y: d.y - c.y };
  const area = one.x * two.y - two.x * one.y;
  const g = (sum.x * two.y - two.x * sum.y) / area;
  const h = (one.x * sum.y - sum.x * one.y) / area;
  const across = [b.x - a.x + g * b.x, b.y - a.y + g * b.y, 0, g];
  const down = [d.x - a.x + h * d.x, d.y - a.y + h * d.y, 0, h];
  const columns = [...across, ...down].map((value) => value / side);
  return `matrix3d(${[...columns, 0, 0, 1, 0, a.x, a.y, 0, 1].join(",")})`;
}

/** The four corners of an answer's outline, or null where it is unknown or cut in two. */
function cornersOf(answer) {
  const outline = answer.estimate?.footprint;
  if (outline?.type !== "Polygon" || answer.status === "no_match") return null;
  const [topLeft, bottomLeft, bottomRight, topRight] = outline.coordinates[0];
  return [topLeft, topRight, bottomRight, bottomLeft];
}

/**
 * Lay the first photo on the map.
 * @param answer the service's answer
 * @param url of the photo
 * @param group that the picture is added to
 * @returns the slider of its opacity, or null where the outline is unknown
 */
export function layPhoto(answer, url, group) {
  const corners = cornersOf(answer);
  if (!corners || !url) return null;
  const layer = new WarpedImage(url, corners).addTo(group);
  const slide = (event) => {
    layer.image.style.opacity = event.target.value;
  };
  const range = { type: "range", min: 0, max: 1, step: 0.05, value: OPACITY, input: slide };
  return element(
    "label",
    { class: "photo-opacity row" },
    element("span", {}, "Photo on the map"),
    element("input", range),
  );
}
