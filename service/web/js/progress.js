// Progress of a question: the upload, then the stages of the answer's timings.

import { durationText, element } from "./dom.js";

const STAGES = ["upload", "decode", "queue", "embed", "search"];

/** A progress bar with a line of text; a chart of the stages once they are known. */
export class Progress {
  constructor(root) {
    this.root = root;
    this.bar = root.querySelector("progress");
    this.words = root.querySelector(".words");
    this.startedMs = 0;
    this.uploadMs = 0;
  }

  start() {
    this.startedMs = performance.now();
    this.uploadMs = 0;
    this.root.hidden = false;
    this.uploaded(0);
  }

  uploaded(share) {
    if (share < 1) {
      this.bar.value = share;
      this.words.textContent = `Uploading: ${Math.round(100 * share)} %`;
      return;
    }
    this.uploadMs = performance.now() - this.startedMs;
    this.bar.removeAttribute("value");
    this.words.textContent = "Uploaded; the service decodes, queues, embeds and searches…";
  }

  stop() {
    this.root.hidden = true;
  }

  /** A list of stages with bars; time outside the service counts as upload. */
  chart(timing) {
    const elapsedMs = performance.now() - this.startedMs;
    const values = { upload: Math.max(this.uploadMs, elapsedMs - timing.total), ...timing };
    const longest = Math.max(...STAGES.map((stage) => values[stage] ?? 0), 1e-3);
    const rows = STAGES.filter((stage) => Number.isFinite(values[stage])).map((stage) => {
      const bar = element("span", { class: "bar" });
      bar.style.setProperty("--share", `${(100 * values[stage]) / longest}%`);
      const time = element("span", { class: "time" }, durationText(values[stage]));
      return element("li", {}, element("span", {}, stage), bar, time);
    });
    return element("ul", { class: "timings" }, ...rows);
  }
}
