// Where the answer must lie: a circle or a box, drawn on the map or typed.

import * as L from "../leaflet/leaflet-src.esm.js";
import { element } from "./dom.js";

const STYLE = { color: "#1668c7", weight: 2.5, dashArray: "6 5", fillOpacity: 0.08, interactive: false };
const CIRCLE_FIELDS = [
  ["latitude", "Latitude, °"],
  ["longitude", "Longitude, °"],
  ["radius_m", "Radius, m"],
];
const BOX_FIELDS = [
  ["west", "West, °"],
  ["south", "South, °"],
  ["east", "East, °"],
  ["north", "North, °"],
];

/** The prior of one question; `value` is null, {kind: "circle", …} or {kind: "box", …}. */
export class Prior {
  constructor(fieldset, map, group) {
    this.map = map;
    this.group = group;
    this.value = null;
    this.fields = fieldset.querySelector(".prior-fields");
    this.hint = fieldset.querySelector(".hint");
    this.buttons = new Map();
    for (const button of fieldset.querySelectorAll("button")) {
      this.buttons.set(button.value, button);
      button.addEventListener("click", () => this.choose(button.value));
    }
    this.drawing = null;
    this.gesture = new Gesture(map, (from, to) => this.drag(from, to), () => this.stop());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.drawing) this.stop();
    });
  }

  /** "circle" and "box" put one in the middle of the view and let the pointer redraw it. */
  choose(kind) {
    if (kind === "none") {
      this.stop();
      this.set(null);
      return;
    }
    const { lat, lng } = this.map.getCenter();
    const bounds = this.map.getBounds();
    const reach = this.map.distance([bounds.getNorth(), lng], [bounds.getSouth(), lng]) / 4;
    this.set(
      kind === "circle"
        ? { kind, latitude: lat, longitude: lng, radius_m: reach }
        : boxBetween(bounds.pad(-0.25).getSouthWest(), bounds.pad(-0.25).getNorthEast()),
    );
    this.drawing = kind;
    this.hint.textContent = "Drag on the map to draw it, or type the numbers. Esc keeps what is there.";
    this.gesture.start();
    this.mark();
  }

  drag(from, to) {
    this.set(
      this.drawing === "circle"
        ? {
            kind: "circle",
            latitude: from.lat,
            longitude: from.lng,
            radius_m: Math.max(1, this.map.distance(from, to)),
          }
        : boxBetween(from, to),
    );
  }

  stop() {
    this.gesture.stop();
    this.drawing = null;
    this.hint.textContent = "";
    this.mark();
  }

  /** Take a value from a drawing, a link or null; shows it on the map and as numbers. */
  set(value) {
    this.value = value;
    this.show();
    this.fields.replaceChildren(...this.inputs());
    this.mark();
  }

  show() {
    this.group.clearLayers();
    if (this.value?.kind === "circle") {
      const { latitude, longitude, radius_m } = this.value;
      L.circle([latitude, longitude], { ...STYLE, radius: radius_m }).addTo(this.group);
    } else if (this.value) {
      const { west, south, east, north } = this.value;
      const eastward = east < west ? east + 360 : east;
      L.rectangle([[south, west], [north, eastward]], STYLE).addTo(this.group);
    }
  }

  inputs() {
    if (!this.value) return [];
    const names = this.value.kind === "circle" ? CIRCLE_FIELDS : BOX_FIELDS;
    return names.map(([name, label]) => {
      const digits = name === "radius_m" ? 0 : 6;
      const input = element("input", {
        type: "number",
        step: "any",
        required: true,
        value: this.value[name].toFixed(digits),
        change: () => {
          if (!Number.isFinite(input.valueAsNumber)) return;
          this.value = { ...this.value, [name]: input.valueAsNumber };
          this.show();
        },
      });
      return element("label", {}, label, input);
    });
  }

  mark() {
    for (const [kind, button] of this.buttons) {
      if (kind === "none") button.hidden = !this.value;
      else button.setAttribute("aria-pressed", String(this.value?.kind === kind));
    }
    this.map.getContainer().classList.toggle("drawing", this.drawing !== null);
  }

  /** Add the prior to a question's parameters. */
  addTo(parameters) {
    if (this.value?.kind === "circle") {
      for (const [name] of CIRCLE_FIELDS) {
        parameters.set(name, this.value[name].toFixed(name === "radius_m" ? 1 : 7));
      }
    } else if (this.value) {
      parameters.set("bounds", BOX_FIELDS.map(([name]) => this.value[name].toFixed(7)).join(","));
    }
  }

  /** The prior that `addTo` wrote, or null. */
  static from(parameters) {
    if (parameters.has("bounds")) {
      const [west, south, east, north] = parameters.get("bounds").split(",").map(Number);
      return { kind: "box", west, south, east, north };
    }
    if (!parameters.has("radius_m")) return null;
    const read = ([name]) => [name, Number(parameters.get(name))];
    return { kind: "circle", ...Object.fromEntries(CIRCLE_FIELDS.map(read)) };
  }
}

function boxBetween(a, b) {
  return {
    kind: "box",
    west: Math.min(a.lng, b.lng),
    south: Math.min(a.lat, b.lat),
    east: Math.max(a.lng, b.lng),
    north: Math.max(a.lat, b.lat),
  };
}

/** One press-drag-release over the map, by mouse, pen or finger. */
class Gesture {
  constructor(map, onDrag, onEnd) {
    this.map = map;
    this.container = map.getContainer();
    this.onDrag = onDrag;
    this.onEnd = onEnd;
    this.listeners = {
      pointerdown: (event) => this.press(event),
      pointermove: (event) => this.move(event),
      pointerup: (event) => this.release(event),
      pointercancel: (event) => this.release(event),
    };
  }

  start() {
    this.stop();
    this.map.dragging.disable();
    for (const [name, listener] of Object.entries(this.listeners)) {
      this.container.addEventListener(name, listener, { capture: true });
    }
  }

  stop() {
    this.from = null;
    this.map.dragging.enable();
    for (const [name, listener] of Object.entries(this.listeners)) {
      this.container.removeEventListener(name, listener, { capture: true });
    }
  }

  press(event) {
    if (event.target.closest(".leaflet-control")) return;
    event.preventDefault();
    this.container.setPointerCapture(event.pointerId);
    this.from = this.map.mouseEventToLatLng(event);
  }

  move(event) {
    if (this.from) this.onDrag(this.from, this.map.mouseEventToLatLng(event));
  }

  release(event) {
    if (!this.from) return;
    this.move(event);
    this.onEnd();
  }
}
