// A flight on the map: its line, a band of uncertainty, refused frames, and the frame looked at.

import * as L from "../leaflet/leaflet-src.esm.js";

const LINE = "#0b62d6";
const BRIDGED = "#b25e00";
const MOST_SHADE = 4; // of all bands together, where they lie above each other

/** Layers of the Flight tab; `onPick(index)` is called when a frame's point is clicked. */
export class FlightLayers {
  constructor(group, onPick) {
    this.group = group;
    this.onPick = onPick;
    this.points = new Map();
    this.clear();
  }

  clear() {
    this.group.clearLayers();
    this.points.clear();
    this.lines = new Map();
    this.bounds = L.latLngBounds([]);
    this.current = null;
  }

  /** Draw all fixes from the first; frames without a position are left out. */
  show(fixes) {
    this.clear();
    fixes.forEach((fix, index) => this.add(fix, index, fixes.length));
  }

  /** Draw one more fix of `count`: its band, the line up to it, its point. */
  add(fix, index, count = index + 1) {
    if (fix.latitude === null) return;
    this.addBand(fix, Math.min(0.07, MOST_SHADE / count));
    for (const line of this.linesOf(fix.segment ?? 0)) line.addLatLng([fix.latitude, fix.longitude]);
    this.addPoint(fix, index);
  }

  /** The two lines of a segment, one above the other. */
  linesOf(segment) {
    if (!this.lines.has(segment)) {
      const below = L.polyline([], { color: "#fff", weight: 6, opacity: 0.8, interactive: false });
      const above = L.polyline([], { color: LINE, weight: 3, interactive: false });
      this.lines.set(segment, [below.addTo(this.group), above.addTo(this.group)]);
    }
    return this.lines.get(segment);
  }

  addBand(fix, shade) {
    L.circle([fix.latitude, fix.longitude], {
      radius: fix.accuracy_m_95,
      stroke: false,
      fillColor: fix.status === "located" ? LINE : BRIDGED,
      fillOpacity: shade,
      interactive: false,
    })
      .addTo(this.group)
      .bringToBack();
  }

  addPoint(fix, index) {
    const position = [fix.latitude, fix.longitude];
    const located = fix.status === "located";
    const point = L.circleMarker(position, {
      radius: 5,
      color: "#fff",
      weight: 1.5,
      fillColor: located ? LINE : BRIDGED,
      fillOpacity: 1,
    });
    point.bindTooltip(`${fix.name}: ${located ? "located" : "refused, bridged"}`);
    point.on("click", () => this.onPick(index)).addTo(this.group);
    this.points.set(index, point);
    this.bounds.extend(position);
  }

  /** Mark the frame that is looked at; returns its position, null where it has none. */
  highlight(index) {
    if (this.current !== null) this.points.get(this.current)?.setStyle({ radius: 5, weight: 1.5 });
    const point = this.points.get(index);
    this.current = point ? index : null;
    point?.setStyle({ weight: 3 }).setRadius(9).bringToFront();
    return point ? point.getLatLng() : null;
  }

  get legend() {
    return [
      ["flight", "Track: ground in the middle of each photo", LINE],
      ["flight", "Frame refused, its place bridged; shade: 95 %", BRIDGED],
    ];
  }
}
