// One answer on the map: footprints by score, the estimate with its circles, drones and flights.

import * as L from "../leaflet/leaflet-src.esm.js";
import { scoreColours } from "./colour.js";
import { element, headingText, icon, metresText, positionText } from "./dom.js";
import { boxOf } from "./map_view.js";
import { preference } from "./preferences.js";

const ESTIMATE = "#0b62d6";
const UNCERTAIN = "#b25e00";
const NEAR = 3; // times the size of the answer on each side
const FLIGHT_COLOURS = ["#00a6a6", "#e0569b", "#7a9e00", "#8d6cff", "#c98a00"];

/** Layers of one tab; `onPick(match)` is called when a footprint or drone is clicked. */
export class AnswerLayers {
  constructor(group, footprints, onPick) {
    this.group = group;
    this.footprints = footprints;
    this.onPick = onPick;
    this.byId = new Map();
    this.legend = [];
  }

  /**
   * Draw an answer over whatever was there.
   * @param answer the service's answer
   * @param knownPositions [{latitude, longitude, label}]: positions known from elsewhere: EXIF, or the sample's metadata
   */
  show(answer, knownPositions) {
    this.clear();
    const colours = scoreColours(answer.matches.map((match) => match.score));
    for (const flight of answer.flights ?? []) this.drawFlight(flight);
    for (const match of [...answer.matches].reverse()) this.drawMatch(match, colours, answer);
    if (answer.estimate) this.drawEstimate(answer.estimate, answer.status);
    if (answer.agreement === "disagree") {
      for (const { image, estimate, status } of answer.per_image ?? []) {
        if (estimate) this.drawEstimate(estimate, status, `Photo ${image}: ground in its middle`);
      }
    }
    for (const own of knownPositions) this.drawKnownPosition(own);
  }

  clear() {
    this.group.clearLayers();
    this.byId.clear();
    this.legend = [];
    this.bounds = L.latLngBounds([]);
  }

  /** Mark one match as the one that is looked at. */
  highlight(imageId) {
    for (const [id, { shape, marker }] of this.byId) {
      shape?.setStyle({ weight: id === imageId ? 5 : shape.options.ownWeight });
      marker.getElement()?.classList.toggle("picked", id === imageId);
      if (id === imageId) shape?.bringToFront();
    }
  }

  drawMatch(match, colours, answer) {
    const colour = colours(match.score);
    const position = [match.latitude, match.longitude];
    const isDrone = answer.gallery.view === "drone";
    const rings = this.footprints.ringsOf(match.image_id);
    const box = boxOf(match.bounds);
    let shape = null;
    if (!isDrone && (rings || box)) {
      const weight = match.rank === 1 ? 3.5 : 2;
      const style = {
        color: colour,
        weight,
        ownWeight: weight,
        fillOpacity: fillOf(answer.status),
        dashArray: answer.status === "match" ? null : "5 5",
      };
      shape = rings ? L.polygon(rings.map((ring) => [ring]), style) : L.rectangle(box, style);
      shape.on("click", () => this.onPick(match)).addTo(this.group);
      this.bounds.extend(shape.getBounds());
    }
    this.bounds.extend(position);
    const label = `Match ${match.rank}, score ${match.score.toFixed(3)}`;
    const node = isDrone ? droneNode(match, colour) : element("span", {}, String(match.rank));
    node.style.setProperty("--score", colour);
    const marker = pin(position, `rank-pin${isDrone ? " drone-pin" : ""}`, node, label, {
      interactive: true,
      keyboard: true,
      zIndexOffset: 500 - match.rank,
    });
    marker.on("click keypress", (event) => {
      if (event.type === "click" || event.originalEvent.key === "Enter") this.onPick(match);
    });
    marker.addTo(this.group);
    this.byId.set(match.image_id, { shape, marker });
  }

  drawEstimate(estimate, status, label = "Ground in the middle of the photo") {
    const position = [estimate.latitude, estimate.longitude];
    const color = status === "match" ? ESTIMATE : UNCERTAIN;
    const style = { color, interactive: false, dashArray: status === "match" ? null : "4 6" };
    const rings = [
      [estimate.accuracy_m_95, { weight: 1.5, fillOpacity: 0.06 }],
      [estimate.accuracy_m_68, { weight: 2.5, fillOpacity: 0.12 }],
    ];
    for (const [radius, look] of rings) {
      const ring = L.circle(position, { ...style, ...look, radius }).addTo(this.group);
      this.bounds.extend(ring.getBounds());
    }
    const cross = icon("cross", "-24 -24 48 48", "M0-23V-12M0 12V23M-23 0H-12M12 0H23");
    const words = `${label}: ${positionText(...position)}`;
    const node = element("span", {}, cross);
    const isTurned = Number.isFinite(estimate.heading_deg);
    if (isTurned) node.append(topArrow(estimate.heading_deg));
    pin(position, `estimate-pin ${status}`, node, words, { zIndexOffset: 1000 }).addTo(this.group);
    const inner = `inner circle ${metresText(estimate.accuracy_m_68)} (68 %)`;
    const outer = `outer ${metresText(estimate.accuracy_m_95)} (95 %)`;
    const arrow = isTurned ? `; arrow: top of the photo, ${headingText(estimate.heading_deg)}` : "";
    this.legend.push([`estimate ${status}`, `${label}; ${inner}, ${outer}${arrow}`]);
  }

  drawKnownPosition({ latitude, longitude, label }) {
    const diamond = icon("diamond", "-20 -20 40 40", "M0-17 17 0 0 17-17 0Z");
    pin([latitude, longitude], "own-pin", diamond, label, { zIndexOffset: 100 }).addTo(this.group);
    // One far away would make the answer a dot.
    if (this.bounds.pad(NEAR).contains([latitude, longitude])) this.bounds.extend([latitude, longitude]);
    if (!this.legend.some(([, text]) => text === label)) this.legend.push(["own", label]);
  }

  drawFlight(flight) {
    const line = flight.track.map(({ latitude, longitude }) => [latitude, longitude]);
    if (line.length < 2) return;
    const color = FLIGHT_COLOURS[this.legend.length % FLIGHT_COLOURS.length];
    const style = { interactive: false, lineJoin: "round" };
    L.polyline(line, { ...style, color: "#fff", weight: 5, opacity: 0.8 }).addTo(this.group);
    L.polyline(line, { ...style, color, weight: 2.5 }).addTo(this.group);
    line.forEach((position) => this.bounds.extend(position));
    this.legend.push(["flight", `Flight ${flight.flight_id}, ${line.length} images`, color]);
  }
}

/** The tint of a matched tile: none unless tile outlines are wanted, so that the ground is seen. */
function fillOf(status) {
  if (!preference("outlines")) return 0;
  return status === "match" ? 0.18 : 0.06;
}

/** An arrow beyond the cross that points where the top of the photo does. */
function topArrow(headingDeg) {
  const arrow = icon("photo-top", "-48 -48 96 96", "M0-47 9-29 0-34-9-29Z");
  arrow.style.transform = `rotate(${headingDeg}deg)`;
  return arrow;
}

/** An arrow that points where the drone looked; a dot where that is unknown. */
function droneNode(match, colour) {
  const known = Number.isFinite(match.heading_deg);
  const path = known ? "M0-11 7 9 0 5-7 9Z" : "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0";
  const arrow = icon("arrow", "-12 -12 24 24", path);
  arrow.style.fill = colour;
  if (known) arrow.style.transform = `rotate(${match.heading_deg}deg)`;
  return element("span", {}, arrow, element("b", {}, String(match.rank)));
}

function pin(position, className, node, label, options) {
  const divIcon = L.divIcon({ className: `pin ${className}`, html: node, iconSize: [48, 48] });
  return L.marker(position, {
    icon: divIcon,
    title: label,
    alt: label,
    interactive: false,
    keyboard: false,
    ...options,
  }).on("add", (event) => {
    const part = event.target.getElement();
    part.setAttribute("aria-label", label);
    part.setAttribute("role", options.keyboard ? "button" : "img");
  });
}
