// The question and one match, over each other with a swipe or side by side.

import { element } from "./dom.js";
import { PointLines } from "./point_lines.js";

const LAYERS = [
  ["picture", "Picture"],
  ["aligned", "Aligned view"],
  ["rings", "Partition rings"],
  ["heatmap", "Heatmap"],
];

/** The comparison beside the map. `open` shows it, `close` hides it. */
export class Compare {
  constructor(root, loadPicture) {
    this.root = root;
    this.loadPicture = loadPicture;
    this.stage = root.querySelector(".stage");
    this.swipe = root.querySelector("input[type=range]");
    this.images = [...root.querySelectorAll(".stage img")];
    this.lines = new PointLines(this.stage, this.images);
    this.note = root.querySelector(".note");
    this.shown = null;
    this.urls = [];
    this.layer = "picture";
    this.swipe.addEventListener("input", () => this.place());
    for (const image of this.images) {
      image.addEventListener("error", () => this.hideUnreadable(image));
    }
    for (const name of ["pointerdown", "pointermove"]) {
      this.stage.addEventListener(name, (event) => this.drag(event));
    }
    root.querySelector(".close").addEventListener("click", () => this.close());
    this.modes = [...root.querySelectorAll(".modes button")];
    for (const button of this.modes) {
      button.addEventListener("click", () => this.setMode(button.value));
    }
    this.toggles = LAYERS.map(([name, label]) =>
      element("button", { type: "button", value: name, click: () => this.setLayer(name) }, label),
    );
    root.querySelector(".layers").append(...this.toggles);
    this.setMode("swipe");
  }

  /**
   * @param left, right: {title, sources: {picture, aligned, rings, heatmap}}; a source is a Blob,
   *   a path of the service, or missing
   * @param points that show the same in both pictures, see PointLines
   */
  open(left, right, points = []) {
    this.shown = { left, right, points };
    this.lines.clear();
    this.root.hidden = false;
    this.root.scrollIntoView({ block: "nearest" });
    const [leftTitle, rightTitle] = this.root.querySelectorAll(".titles span");
    leftTitle.textContent = left.title;
    rightTitle.textContent = right.title;
    for (const button of this.toggles) {
      const name = button.value;
      button.disabled = !left.sources[name] && !right.sources[name];
    }
    if (this.toggles.find((button) => button.value === this.layer).disabled) this.layer = "picture";
    this.swipe.value = 50;
    this.place();
    return this.setLayer(this.layer);
  }

  close() {
    if (this.root.contains(document.activeElement)) this.opener?.focus();
    this.root.hidden = true;
    this.shown = null;
    this.release();
  }

  setMode(mode) {
    this.stage.dataset.mode = mode;
    this.swipe.hidden = mode !== "swipe";
    for (const button of this.modes) {
      button.setAttribute("aria-pressed", String(button.value === mode));
    }
    this.place();
    this.lines.draw();
  }

  /** Show one layer of both sides; a side without it keeps its picture. */
  async setLayer(name) {
    this.layer = name;
    for (const button of this.toggles) {
      button.setAttribute("aria-pressed", String(button.value === name));
    }
    const shown = this.shown;
    this.note.textContent = "";
    this.stage.setAttribute("aria-busy", "true");
    const loads = [shown.left, shown.right].map((side) => {
      const source = side.sources[name] ?? side.sources.picture;
      return source ? this.load(source) : null;
    });
    const results = await Promise.allSettled(loads);
    if (this.shown !== shown || this.layer !== name) return;
    this.release();
    this.stage.removeAttribute("aria-busy");
    results.forEach((result, i) => {
      const side = [shown.left, shown.right][i];
      const image = this.images[i];
      image.alt = `${side.title}, ${LAYERS.find(([layer]) => layer === name)[1].toLowerCase()}`;
      if (result.status === "rejected") this.note.textContent = result.reason.message;
      image.hidden = !result.value;
      if (!result.value) return;
      const url = URL.createObjectURL(result.value);
      this.urls.push(url);
      image.src = url;
    });
    this.lines.show(name === "picture" ? shown.points : []);
  }

  /** Hide an image that this browser cannot decode, such as HEIC in most of them. */
  hideUnreadable(image) {
    image.hidden = true;
    this.note.textContent = "This browser cannot show the photo's file format. The service can read it.";
  }

  load(source) {
    return source instanceof Blob ? source : this.loadPicture(source);
  }

  /** Press and drag anywhere on the pictures. */
  drag(event) {
    if (this.swipe.hidden || event.buttons !== 1 || event.target === this.swipe) return;
    const { left, width } = this.stage.getBoundingClientRect();
    this.swipe.value = (100 * (event.clientX - left)) / width;
    this.place();
  }

  place() {
    this.stage.style.setProperty("--swipe", `${this.swipe.value}%`);
  }

  release() {
    this.urls.forEach((url) => URL.revokeObjectURL(url));
    this.urls = [];
  }
}
