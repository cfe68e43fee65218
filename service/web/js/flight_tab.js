// The Flight tab: photos or a video in, a track that grows while frames are sent, and a scrubber.

import * as L from "../leaflet/leaflet-src.esm.js";
import { banner, problemBanner } from "./answer_view.js";
import { getJson, getText, postQuestion, sendJson } from "./api.js";
import { element, metresText, percentText, positionText } from "./dom.js";
import { save } from "./exports.js";
import { droppedFiles, flightOf, frameCount, framesOf } from "./flight_frames.js";
import { FlightLayers } from "./flight_layers.js";

const FORMATS = ["geojson", "gpx", "kml", "csv"];
const STATUS_WORDS = {
  located: "located",
  bridged: "refused as an outlier; its place is bridged",
  lost: "lost: it fits no place of the gallery",
};

/** One flight at a time; `panel` holds the template "flight". */
export class FlightTab {
  constructor({ panel, mapView, announce }) {
    Object.assign(this, { panel, mapView, announce });
    this.layer = L.layerGroup();
    this.layers = new FlightLayers(L.layerGroup().addTo(this.layer), (index) => this.look(index));
    this.prior = { drawing: false };
    this.view = "satellite";
    this.form = { addFiles: (files) => this.choose(files) };
    const find = (selector) => panel.querySelector(selector);
    this.controls = {
      form: find("form"), chosen: find(".chosen-flight"), start: find("button[type=submit]"),
      stop: find(".stop"), progress: find(".progress"), bar: find("progress"),
      words: find(".progress .words"), result: find(".result"), viewer: find(".viewer"),
      scrubber: find(".viewer input"), picture: find(".viewer img"), facts: find(".viewer .facts"),
      downloads: find(".downloads"),
    };
    this.files = [];
    this.flight = null;
    this.forget();
    this.listen();
  }

  listen() {
    const { form, stop, scrubber } = this.controls;
    for (const input of form.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => this.choose([...input.files]));
    }
    form.addEventListener("drop", async (event) => {
      event.preventDefault();
      const files = await droppedFiles(event.dataTransfer);
      await this.choose(files);
      if (!files.length) this.controls.chosen.textContent = "What was dropped holds no file.";
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.fly().catch((error) => this.fail(error, () => form.requestSubmit()));
    });
    form.elements.every.addEventListener("change", () => this.choose(this.files));
    stop.addEventListener("click", () => this.stop());
    scrubber.addEventListener("input", () => this.look(Number(scrubber.value)));
  }

  /** Drop the track that is shown. */
  forget() {
    this.stop();
    this.fixes = [];
    this.pictures = [];
    this.layers.clear();
    this.controls.result.replaceChildren();
    this.controls.downloads.replaceChildren();
    this.controls.viewer.hidden = true;
  }

  get everyS() {
    return Math.max(0.05, Number(this.controls.form.elements.every.value) || 1);
  }

  async choose(files) {
    this.files = files;
    this.forget();
    this.flight = await flightOf(files, this.everyS);
    const count = frameCount(this.flight);
    const what = this.flight.video ? `Video ${this.flight.video.name}.` : `${count} photos.`;
    this.controls.chosen.textContent = `${files.length ? what : ""} ${this.flight.note}`.trim();
    this.controls.start.disabled = count === 0 || !this.controls.form.elements.gallery.value;
  }

  setGalleries(galleries) {
    const { gallery } = this.controls.form.elements;
    const chosen = gallery.value;
    gallery.replaceChildren(...galleries.map(({ name }) => new Option(name, name)));
    if (galleries.some(({ name }) => name === chosen)) gallery.value = chosen;
    this.controls.form.querySelector(".no-gallery").hidden = galleries.length > 0;
  }

  /** Send the frames one by one; the track grows with each answer. */
  async fly() {
    this.forget();
    const run = { stopped: false };
    this.run = run;
    const { elements } = this.controls.form;
    const question = new URLSearchParams({
      gallery: elements.gallery.value,
      max_speed_m_s: elements.max_speed.value,
    });
    this.controls.progress.hidden = false;
    this.announce("Sending the flight");
    try {
      const opened = await sendJson("POST", `tracks?${question}`);
      this.url = opened.track_url.replace(/^\//, "");
      for await (const frame of framesOf(this.flight, this.everyS)) {
        if (run.stopped) break;
        await this.send(frame);
        this.grow();
      }
      if (!run.stopped) await this.finish();
    } finally {
      this.controls.progress.hidden = true;
      if (this.run === run) this.run = null;
    }
  }

  async send(frame) {
    const time = new URLSearchParams({ time: frame.time.toFixed(3) });
    const sent = postQuestion(`${this.url}/frames`, time, [frame]);
    const lost = { name: frame.name, status: "lost", confidence: 0, latitude: null };
    try {
      this.fixes.push({ ...JSON.parse(await (await sent.answer).text()).fix, name: frame.name });
    } catch (error) {
      if (error.status !== 400) throw error;
      this.fixes.push({ ...lost, problem: error.message });
    }
    this.pictures.push(frame.blob);
  }

  grow() {
    const count = frameCount(this.flight);
    const done = this.fixes.length;
    if (count) this.controls.bar.value = done / count;
    else this.controls.bar.removeAttribute("value");
    this.controls.words.textContent = `${done}${count ? ` of ${count}` : ""} frames`;
    this.layers.add(this.fixes[done - 1], done - 1);
    if (done === 1) this.legend();
    this.look(done - 1);
    if (done === 1 || done % 10 === 0) this.mapView.fit(this.layers.bounds);
  }

  /** The service smooths over the whole flight; show that. */
  async finish() {
    const track = await getJson(this.url);
    const kept = this.fixes.filter((fix) => !fix.problem);
    track.fixes.forEach((fix, i) => Object.assign(kept[i], { ...fix, name: kept[i].name }));
    this.draw();
    this.mapView.fit(this.layers.bounds);
    const words = { match: "Track found", uncertain: "Track uncertain", no_match: "No track" };
    const placed = `${track.located} of ${track.frames} frames have a place.`;
    this.controls.result.replaceChildren(
      banner(track.status, words[track.status], [placed, ...track.notes]),
    );
    this.offerDownloads();
    this.look(this.fixes.length - 1);
    this.announce(`${words[track.status]}; ${placed}`);
  }

  draw() {
    this.layers.show(this.fixes);
    this.legend();
  }

  offerDownloads() {
    const buttons = FORMATS.map((format) =>
      element("button", { type: "button", click: () => this.download(format) }, format.toUpperCase()),
    );
    this.controls.downloads.replaceChildren(element("span", {}, "Download"), ...buttons);
  }

  async download(format) {
    try {
      save(await getText(`${this.url}?format=${format}`), `track.${format}`);
      this.announce(`Downloaded ${format}`);
    } catch (error) {
      this.fail(error, () => this.download(format));
    }
  }

  /** Look at one frame: its picture beside the map, its place on it. */
  look(index) {
    const fix = this.fixes[index];
    if (!fix) return;
    const { viewer, scrubber, picture, facts } = this.controls;
    viewer.hidden = false;
    scrubber.max = this.fixes.length - 1;
    scrubber.value = index;
    scrubber.setAttribute("aria-valuetext", `${fix.name}, ${STATUS_WORDS[fix.status]}`);
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(this.pictures[index]);
    picture.alt = `Frame ${fix.name}`;
    const place =
      fix.latitude === null
        ? (fix.problem ?? "")
        : `${positionText(fix.latitude, fix.longitude)}, 95 % within ${metresText(fix.accuracy_m_95)}; `;
    const sure = fix.latitude === null ? "" : `${percentText(fix.confidence)} sure`;
    facts.textContent = `${index + 1}. ${fix.name}: ${STATUS_WORDS[fix.status]}. ${place}${sure}`;
    const position = this.layers.highlight(index);
    if (position) this.mapView.keepInView(position);
  }

  stop() {
    if (this.run) this.run.stopped = true;
    this.run = null;
  }

  legend() {
    const rows = this.layers.legend.map(([kind, words, colour]) => {
      const swatch = element("span", { class: `swatch ${kind}` });
      swatch.style.background = colour;
      return element("li", {}, swatch, words);
    });
    document.getElementById("legend").replaceChildren(...(this.fixes.length ? rows : []));
  }

  fail(error, again) {
    this.stop();
    this.controls.progress.hidden = true;
    this.controls.result.replaceChildren(problemBanner(error, again));
  }
}
