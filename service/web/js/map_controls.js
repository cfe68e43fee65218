// Buttons on the map: the whole gallery, full screen, tile outlines, a base map from elsewhere.

import * as L from "../leaflet/leaflet-src.esm.js";
import { element } from "./dom.js";
import { onPreference, prefer, preference } from "./preferences.js";

/** Add the buttons to a map view; `settings` is what the operator set for the page. */
export function addMapControls(mapView, box, settings) {
  const home = element("button", { type: "button", title: "Whole gallery", click: () => mapView.showAll() }, "Home");
  const parts = [home, fullScreenButton(box), switchFor("outlines", "Tile outlines")];
  if (settings.base_map_url) parts.push(switchFor("baseMap", "Base map"));
  box.append(element("div", { class: "map-controls" }, ...parts.filter(Boolean)));
  const base = settings.base_map_url ? baseLayer(settings) : null;
  const apply = (name) => {
    if (name === "outlines") mapView.showOutlines(preference("outlines"));
    if (name === "baseMap" && base) mapView.toggle(base, preference("baseMap"));
  };
  onPreference(apply);
  apply("outlines");
  apply("baseMap");
}

function baseLayer({ base_map_url: url, base_map_credit: attribution }) {
  return L.tileLayer(url, { maxZoom: 24, maxNativeZoom: 19, zIndex: 0, attribution: attribution || undefined, referrerPolicy: "no-referrer" });
}

function switchFor(name, words) {
  const box = element("input", { type: "checkbox" });
  box.checked = preference(name);
  box.addEventListener("change", () => prefer(name, box.checked));
  return element("label", {}, box, ` ${words}`);
}

function fullScreenButton(box) {
  if (!document.fullscreenEnabled) return null;
  const button = element("button", { type: "button" }, "Full screen");
  button.addEventListener("click", () =>
    document.fullscreenElement ? document.exitFullscreen() : box.requestFullscreen(),
  );
  document.addEventListener("fullscreenchange", () => {
    button.textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
  });
  return button;
}
