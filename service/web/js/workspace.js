// One tab: its question, its answer, and both on the map.

import * as L from "../leaflet/leaflet-src.esm.js";
import { AnswerLayers } from "./answer_layers.js";
import { cameraLine, estimateLine, photoList, problemBanner, statusBanner } from "./answer_view.js";
import { getJson, postQuestion, ROOT } from "./api.js";
import { QuestionForm } from "./question_form.js";
import { element } from "./dom.js";
import { copyText, curlCommand, FORMATS, save } from "./exports.js";
import { checkEstimates, LinkError, linkHash } from "./link.js";
import { HistoryList } from "./history_list.js";
import { markPicked, matchTitle, scoreHelp, showMatches } from "./match_list.js";
import { layPhoto } from "./photo_layer.js";
import { onPreference } from "./preferences.js";
import { Prior } from "./prior.js";
import { Progress } from "./progress.js";
import { picturePath } from "./samples.js";

/** `route` is "localize" or "navigate"; `view` is what the searched gallery holds. */
export class Workspace {
  constructor({ route, view, panel, mapView, compare, announce, pictureOf }) {
    Object.assign(this, { route, view, panel, mapView, compare, announce, pictureOf });
    this.layer = L.layerGroup();
    const priorGroup = L.layerGroup().addTo(this.layer);
    const answerGroup = L.layerGroup().addTo(this.layer);
    this.photoGroup = L.layerGroup().addTo(this.layer);
    this.prior = new Prior(panel.querySelector(".prior"), mapView.map, priorGroup);
    const on = {
      change: () => this.forget(),
      submit: () => this.submit(),
      trouble: (error) => this.fail(error),
    };
    this.form = new QuestionForm(panel.querySelector("form"), { prior: this.prior, pictureOf, on });
    this.layers = new AnswerLayers(answerGroup, mapView.footprints, (match) => this.pick(match));
    this.progress = new Progress(panel.querySelector(".progress"));
    this.result = panel.querySelector(".result");
    this.list = panel.querySelector(".matches");
    this.sent = null;
    this.answer = null;
    this.history = new HistoryList(panel.querySelector(".history"), (entry) => this.showAgain(entry));
    onPreference((name) => {
      const isShown = ["unit", "outlines"].includes(name) && this.answer && this.layer._map;
      if (isShown) this.show(this.answer, this.parameters, { look: false, isFromLink: this.isFromLink });
    });
    panel.querySelector(".stop").addEventListener("click", () => this.running?.abort());
  }

  /** Drop the answer: the question has changed. */
  forget() {
    this.running?.abort();
    this.answer = null;
    this.layers.clear();
    this.photoGroup.clearLayers();
    this.result.replaceChildren();
    this.list.replaceChildren();
    if (this.layer._map) this.legend();
    this.compare.close();
  }

  async submit() {
    const parameters = this.form.parameters();
    const images = [...this.form.images];
    this.forget();
    this.prior.stop();
    this.progress.start();
    this.announce("Sending the question");
    this.sent = { parameters, images };
    const running = postQuestion(this.route, parameters, images, (share) => this.progress.uploaded(share));
    this.running = running;
    try {
      this.show(JSON.parse(await (await running.answer).text()), parameters);
      this.history.add({ answer: this.answer, parameters, sent: this.sent });
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status === 422 && this.form.giveUpExplaining(error)) this.submit();
      else this.fail(error, () => this.submit());
    } finally {
      if (this.running === running) {
        this.running = null;
        this.progress.stop();
      }
    }
  }

  /** Show an answer, from the service or from a link. */
  show(answer, parameters, { look = true, isFromLink = false } = {}) {
    Object.assign(this, { answer, parameters, isFromLink });
    const names = (this.sent?.images ?? []).map((image) => image.name);
    const knownPositions = this.form.knownPositions;
    this.photoGroup.clearLayers();
    const photo = isFromLink ? null : this.sent?.images[0]?.url;
    const parts = [
      statusBanner(answer, parameters, this.route, { isFromLink }),
      estimateLine(answer, knownPositions, (text, what) => this.copy(text, what), this.layerUrl(answer)),
      cameraLine(answer),
      layPhoto(answer, photo, this.photoGroup),
      photoList(answer, names),
      this.actions(parameters),
      answer.timing_ms ? details("Details", this.progress.chart(answer.timing_ms)) : null,
      answer.matches.length ? scoreHelp() : null,
    ];
    this.result.replaceChildren(...parts.filter((part) => part !== null));
    showMatches(this.list, answer, this.pictureOf, (match) => this.pick(match));
    this.layers.show(answer, knownPositions);
    this.legend();
    if (look) this.mapView.fit(this.layers.bounds);
    this.reveal();
    this.announce(this.result.querySelector(".status .head").textContent);
    history.replaceState(null, "", this.hash());
  }

  /** Show an earlier answer of this tab again, with its photos. */
  showAgain({ answer, parameters, sent }) {
    this.form.setImages([...sent.images]);
    this.sent = sent;
    this.show(answer, parameters);
  }

  /** Template of the gallery's map layer, for other programs; null where it has none. */
  layerUrl(answer) {
    if (answer.gallery.view !== "satellite") return null;
    const path = `galleries/${encodeURIComponent(answer.gallery.name)}/tiles/`;
    return `${new URL(path, ROOT).href}{z}/{x}/{y}.png`;
  }

  /** Bring the answer into the side panel's view; on a phone the map above stays where it is. */
  reveal() {
    const side = this.panel.closest(".side");
    const isPhone = matchMedia("(max-width: 760px)").matches;
    if (isPhone || side.scrollHeight > side.clientHeight) this.result.scrollIntoView({ block: "start" });
  }

  legend() {
    const rows = this.layers.legend.map(([kind, words, colour]) => {
      const swatch = element("span", { class: `swatch ${kind}` });
      if (colour) swatch.style.background = colour;
      return element("li", {}, swatch, words);
    });
    if (this.answer?.matches.length) {
      const scores = this.answer.matches.map((match) => match.score);
      const [low, high] = [Math.min(...scores), Math.max(...scores)].map((s) => s.toFixed(2));
      const ramp = element("span", { class: "ramp" });
      rows.unshift(element("li", {}, "Score ", low, ramp, high));
    }
    document.getElementById("legend").replaceChildren(...rows);
  }

  actions(parameters) {
    const button = (words, click) => element("button", { type: "button", click }, words);
    const isPlaced = Boolean(this.answer.estimate?.footprint);
    const offered = FORMATS.filter(({ hasPhoto }) => isPlaced || !hasPhoto);
    const files = offered.map(({ format, words }) =>
      button(words, () => this.download(parameters, format)),
    );
    const names = this.sent?.images.map((image) => image.name) ?? [];
    const command = curlCommand(this.route, parameters, names.length ? names : ["photo.jpg"]);
    const curl = element(
      "details",
      { class: "curl" },
      element("summary", {}, "The same with curl"),
      element("pre", { tabindex: 0 }, element("code", {}, command)),
      button("Copy command", () => this.copy(command, "Command")),
    );
    const link = button("Copy link", () =>
      this.copy(new URL(this.hash(), location.href).href, "Link"),
    );
    const rows = this.sent ? [element("span", {}, "Download"), ...files, link] : [link];
    return element("div", { class: "actions" }, element("p", {}, ...rows), curl);
  }

  /** The service writes the file itself: the same question in another format. */
  async download(parameters, format) {
    const question = new URLSearchParams(parameters);
    question.delete("explain");
    question.set("format", format);
    try {
      const content = await postQuestion(this.route, question, this.sent.images).answer;
      save(content, `${this.route}.${format === "geotiff" ? "tif" : format}`);
      this.announce(`Downloaded ${format}`);
    } catch (error) {
      this.result.prepend(problemBanner(error, () => this.download(parameters, format)));
    }
  }

  async copy(text, what) {
    await copyText(text);
    this.announce(`${what} copied`, true);
  }

  /** Show one match: on the map, in the list, and beside the query. */
  pick(match) {
    this.picked = match.image_id;
    markPicked(this.list, match.image_id);
    this.layers.highlight(match.image_id);
    const first = this.sent?.images[0] ?? this.form.images[0];
    const explained = (name) =>
      this.answer.explanation?.find((pictures) => pictures.image === name);
    const right = { picture: match.image_url, ...layersOf(explained(`match-${match.rank}`)) };
    const left = { picture: first?.blob, ...layersOf(explained("query-1")) };
    this.compare.opener = this.list.querySelector(`[data-id="${CSS.escape(match.image_id)}"]`);
    const points = match.rank === 1 ? this.answer.correspondences : null;
    this.compare.open(
      { title: first ? `Yours: ${first.name}` : "Yours: not in the link", sources: left },
      { title: `${matchTitle(match, this.answer.gallery.view)}: ${match.image_id}`, sources: right },
      points ?? [],
    );
    this.mapView.keepInView([match.latitude, match.longitude]);
    history.replaceState(null, "", this.hash());
  }

  /** Search with the tile under a position of the map (the Navigate tab). */
  async searchMapTile(latlng) {
    const shape = this.mapView.footprints.at(latlng);
    const gallery = this.mapView.base;
    if (!shape || !gallery) return;
    const ref = { gallery: gallery.name, imageId: shape.id };
    if (await this.form.useSamples([ref])) this.submit();
  }

  fail(error, again) {
    this.progress.stop();
    this.result.replaceChildren(problemBanner(error, again));
  }

  /** The part of a link after #. */
  hash() {
    const refs = (this.sent?.images ?? this.form.images).map((image) => image.ref);
    return linkHash({
      tab: this.route,
      base: this.mapView.base?.name,
      map: this.mapView.position,
      question: this.form.parameters(),
      samples: refs.every(Boolean) ? refs : [],
      answer: this.answer,
      picked: this.answer ? this.picked : null,
    });
  }

  /** Reproduce what a link shows. */
  async restore(state) {
    const parameters = new URLSearchParams(state.question);
    this.form.restore(parameters, Prior.from(parameters));
    if (state.samples.length && (await this.form.useSamples(state.samples))) await this.submit();
    else if (state.answer) {
      const answer = await this.wholeAnswer(state);
      this.show(answer, parameters, { look: false, isFromLink: true });
    }
    if (state.map) this.mapView.position = state.map;
    const picked = this.answer?.matches.find((match) => match.image_id === state.picked);
    if (picked) this.pick(picked);
  }

  /**
   * The answer of a link, whose ids and scores the gallery completes.
   * Throws LinkError where the gallery contradicts it: a link must not show what no search could.
   */
  async wholeAnswer({ answer, question }) {
    const name = question.get("gallery");
    const metas = answer.matches.map(([imageId]) =>
      getJson(`${picturePath({ gallery: name, imageId })}/meta`).catch((error) => {
        if (error.status !== 404) throw error;
        throw new LinkError(`gallery "${name}" has no image "${imageId}"`);
      }),
    );
    const matches = (await Promise.all(metas)).map((meta, i) => ({
      ...meta,
      rank: i + 1,
      score: answer.matches[i][1],
    }));
    checkEstimates(answer, matches, this.view);
    return { ...answer, matches, gallery: { name, view: this.view } };
  }
}

/** What most users do not need, folded. */
function details(words, content) {
  return element("details", { class: "engine" }, element("summary", {}, words), content);
}

function layersOf(pictures) {
  if (!pictures) return {};
  return {
    aligned: pictures.aligned_url,
    rings: pictures.rings_url,
    heatmap: pictures.heatmap_url,
  };
}
