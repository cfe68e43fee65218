// A flight on the map: its line, a band of uncertainty, refused frames, and the frame looked at.

import * as L from "../leaflet/leaflet-src.esm.js";

const LINE = "#0b62d6";
const BRIDGED = "#b25e00";

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
    this.bounds = L.latLngBounds([]);
    this.current = null;
  }

  /** Draw all fixes; frames without a position are left out. */
  show(fixes) {
    this.clear();
    for (const part of parts(fixes).values()) {
      for (const { fix } of part) this.addBand(fix);
      const line = part.map(({ fix }) => [fix.latitude, fix.longitude]);
      L.polyline(line, { color: "#fff", weight: 6, opacity: 0.8, interactive: false }).addTo(this.group);
      L.polyline(line, { color: LINE, weight: 3, interactive: false }).addTo(this.group);
      for (const { fix, index } of part) this.addPoint(fix, index);
    }
  }

  addBand(fix) {
    L.circle([fix.latitude, fix.longitude], {
      radius: fix.accuracy_m_95,
      stroke: false,
      fillColor: fix.status === "located" ? LINE : BRIDGED,
      fillOpacity: 0.07,
      interactive: false,
    }).addTo(this.group);
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

/** Fixes with a position by segment, in order: Map of segment to [{fix, index}]. */
function parts(fixes) {
  const found = new Map();
  fixes.forEach((fix, index) => {
    if (fix.latitude === null) return;
    const segment = fix.segment ?? 0;
    if (!found.has(segment)) found.set(segment, []);
    found.get(segment).push({ fix, index });
  });
  return found;
}
