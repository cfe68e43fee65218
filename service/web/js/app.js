// The page: galleries, three tabs over one map, and the link in the address bar.

import { getBlob, getJson, getJsonWhenLoaded } from "./api.js";
import { Compare } from "./compare.js";
import { fromTemplate } from "./dom.js";
import { FlightTab } from "./flight_tab.js";
import { LinkError, readHash } from "./link.js";
import { addMapControls } from "./map_controls.js";
import { MapView } from "./map_view.js";
import { OwnMap } from "./own_map.js";
import { Tabs } from "./tabs.js";
import { Workspace } from "./workspace.js";

const KEPT_PICTURES = 300;

/** Object URLs of the service's pictures by path, so that each is fetched once. */
class Pictures {
  constructor() {
    this.urls = new Map();
    this.of = this.of.bind(this);
  }

  async of(path) {
    if (!this.urls.has(path)) {
      this.urls.set(path, getBlob(path).then((blob) => URL.createObjectURL(blob)));
      this.urls.get(path).catch(() => this.urls.delete(path));
      this.forgetOldest();
    }
    return this.urls.get(path);
  }

  forgetOldest() {
    if (this.urls.size <= KEPT_PICTURES) return;
    const [path, url] = this.urls.entries().next().value;
    this.urls.delete(path);
    url.then((address) => URL.revokeObjectURL(address), () => {});
  }
}

/** Announce a text to screen readers; with `visibly`, also show it for a moment. */
function announce(text, visibly = false) {
  const line = document.getElementById("announcer");
  line.textContent = text;
  line.classList.toggle("visually-hidden", !visibly);
  clearTimeout(announce.timer);
  if (visibly) announce.timer = setTimeout(() => line.classList.add("visually-hidden"), 2500);
}

class App {
  constructor() {
    const trouble = (error) => this.active.fail(error);
    this.mapView = new MapView(document.getElementById("map"), trouble);
    this.compare = new Compare(document.getElementById("compare"), (path) => getBlob(path));
    this.pictures = new Pictures();
    this.base = document.getElementById("base");
    this.workspaces = {
      localize: this.workspace("localize", "satellite"),
      navigate: this.workspace("navigate", "drone"),
    };
    this.flight = this.flightTab();
    this.tabs = new Tabs(document.querySelector("[role=tablist]"), (name) => this.activate(name));
    const ownMap = new OwnMap(document.getElementById("own-map"), (name) => this.published(name));
    document.getElementById("add-map").addEventListener("click", () => ownMap.open());
    this.base.addEventListener("change", () => this.showBase(this.base.value).catch(trouble));
    document.addEventListener("paste", (event) => this.paste(event));
    for (const name of ["dragover", "drop"]) {
      document.addEventListener(name, (event) => event.preventDefault());
    }
    this.mapView.map.on("click", (event) => this.clickMap(event.latlng));
    this.mapView.map.getContainer().addEventListener("keydown", (event) => {
      const onMap = event.target === this.mapView.map.getContainer();
      if (event.key === "Enter" && onMap) this.clickMap(this.mapView.map.getCenter());
    });
  }

  workspace(route, view) {
    const panel = document.getElementById(`panel-${route}`);
    panel.append(fromTemplate("workspace"));
    for (const part of panel.querySelectorAll(`[data-not="${route}"]`)) part.remove();
    const { mapView, compare } = this;
    const made = new Workspace({
      route, view, panel, mapView, compare, announce, pictureOf: this.pictures.of,
    });
    panel.querySelector("select").addEventListener("change", (event) => {
      made.forget();
      if (view === "satellite") this.showBase(event.target.value).catch((error) => made.fail(error));
    });
    return made;
  }

  flightTab() {
    const panel = document.getElementById("panel-flight");
    panel.append(fromTemplate("flight"));
    const made = new FlightTab({ panel, mapView: this.mapView, announce });
    panel.querySelector("select").addEventListener("change", (event) => {
      made.forget();
      this.showBase(event.target.value).catch((error) => made.fail(error));
    });
    return made;
  }

  /** List the galleries, then restore the link in the address bar or show the first gallery. */
  async start() {
    await this.listGalleries();
    const { galleries } = this;
    addMapControls(this.mapView, document.querySelector(".map-box"), await getJson("page-settings"));
    const { state, problem } = this.readLink();
    const first = galleries.find((gallery) => gallery.view === "satellite");
    const wanted = state?.base ?? first?.name;
    const linked = state?.tab === "navigate" ? "navigate" : "localize";
    this.tabs.select(state ? linked : this.tabs.selected); // may be chosen before galleries came
    await Promise.all([this.showBase(wanted), this.offerSamples()]);
    if (problem) this.active.fail(problem);
    if (state) await this.active.restore(state).catch((error) => this.active.fail(error));
    document.body.dataset.ready = "yes";
  }

  async listGalleries() {
    const { galleries, refused } = await getJsonWhenLoaded("galleries");
    this.galleries = galleries;
    for (const workspace of Object.values(this.workspaces)) {
      const chosen = workspace.form.form.elements.gallery.value;
      workspace.form.setGalleries(galleries.filter((one) => one.view === workspace.view), chosen);
      workspace.form.tellRefused(refused);
    }
    this.flight.setGalleries(galleries.filter((one) => one.view === "satellite"));
    this.offerBases();
  }

  /** Offer a gallery that was just built, and choose it. */
  async published(name) {
    await this.listGalleries();
    const gallery = this.galleries.find((one) => one.name === name);
    if (!gallery) return;
    const tab = gallery.view === "satellite" ? "localize" : "navigate";
    this.workspaces[tab].form.form.elements.gallery.value = name;
    this.workspaces[tab].forget();
    if (gallery.view === "satellite") await this.showBase(name);
  }

  /** The state in the address bar, or why it cannot be shown. */
  readLink() {
    try {
      const state = readHash(location.hash);
      const name = state?.question.get("gallery");
      const isKnown = !name || this.galleries.some((gallery) => gallery.name === name);
      if (!isKnown) throw new LinkError(`no gallery "${name}" is loaded here`);
      return { state };
    } catch (problem) {
      if (!(problem instanceof LinkError)) throw problem;
      return { state: null, problem };
    }
  }

  offerBases() {
    const options = this.galleries
      .filter((gallery) => gallery.view === "satellite")
      .map((gallery) => new Option(gallery.name, gallery.name));
    this.base.replaceChildren(...options);
    this.base.parentElement.hidden = options.length < 2;
    document.getElementById("no-map").hidden = options.length > 0;
  }

  /** Each tab offers samples of the other view. */
  offerSamples() {
    const of = (view) => this.galleries.find((gallery) => gallery.view === view);
    return Promise.all([
      this.workspaces.localize.form.offerSamples(of("drone")),
      this.workspaces.navigate.form.offerSamples(of("satellite")),
    ]);
  }

  async showBase(name) {
    const gallery = this.galleries.find((one) => one.name === name);
    if (!gallery) return;
    this.base.value = name;
    await this.mapView.setBase(gallery);
  }

  activate(name) {
    this.active?.layer.remove();
    this.compare.close();
    this.active = name === "flight" ? this.flight : this.workspaces[name];
    this.active.layer.addTo(this.mapView.map);
    this.active.legend();
    document.body.dataset.tab = name;
  }

  clickMap(latlng) {
    if (document.body.dataset.tab === "navigate" && !this.active.prior.drawing) {
      this.active.searchMapTile(latlng);
    }
  }

  paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) this.active.form.addFiles(files);
  }
}

const app = new App();
app.start().catch((error) => app.workspaces.localize.fail(error, () => location.reload()));
