// A gallery from the user's own map: files are sent, counted, built and published. Needs an admin key.

import { getJson, sendFile, sendJson } from "./api.js";
import { durationText, element } from "./dom.js";

const POLL_MS = 700;
const RUNNING = new Set(["checking", "building"]);
const ENDED = new Set(["published", "failed", "cancelled"]);

/** The dialog behind "Add a map"; `onPublished(name)` is called when a gallery is there. */
export class OwnMap {
  constructor(dialog, onPublished) {
    this.dialog = dialog;
    this.onPublished = onPublished;
    this.form = dialog.querySelector("form");
    this.words = dialog.querySelector(".words");
    this.bar = dialog.querySelector("progress");
    this.facts = dialog.querySelector(".forecast");
    this.files = [];
    this.job = null;
    for (const input of this.form.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => this.choose([...input.files]));
    }
    const zone = this.form.querySelector(".drop-zone");
    zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      this.choose(await droppedFiles(event.dataTransfer));
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.act(this.job?.state === "checked" ? () => this.build() : () => this.send());
    });
    dialog.querySelector(".close").addEventListener("click", () => this.leave());
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
  }

  open() {
    this.reset();
    this.dialog.showModal();
  }

  reset() {
    this.job = null;
    this.choose([]);
    this.form.reset();
    this.facts.replaceChildren();
    this.report("");
    this.render();
  }

  choose(files) {
    this.files = files.filter((file) => !file.name.startsWith("."));
    const mib = files.reduce((sum, file) => sum + file.size, 0) / 2 ** 20;
    const text = files.length ? `${files.length} file${files.length > 1 ? "s" : ""}, ${mib.toFixed(1)} MiB` : "";
    this.form.querySelector(".chosen-files").textContent = text;
    const { name } = this.form.elements;
    if (files.length === 1 && !name.value) name.value = files[0].name.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 64);
    this.render();
  }

  /** Run one step; what goes wrong is shown and does not close the dialog. */
  async act(step) {
    this.isBusy = true;
    this.render();
    try {
      await step();
    } catch (error) {
      this.report(`${error.title ?? "Error"}: ${error.message}`, null, true);
    } finally {
      this.isBusy = false;
      this.render();
    }
  }

  async send() {
    const names = this.files.map((file) => file.name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice) throw new Error(`Two files are named ${twice}; rename one.`);
    const { name, view, tile_m } = this.form.elements;
    const body = { name: name.value, view: view.value || null, tile_m: tile_m.value ? [tile_m.valueAsNumber] : [] };
    if (this.job && !ENDED.has(this.job.state)) await this.cancel();
    this.facts.replaceChildren();
    this.job = await sendJson("POST", "galleries", body);
    const total = Math.max(1, this.files.reduce((sum, file) => sum + file.size, 0));
    let sent = 0;
    try {
      for (const file of this.files) {
        const path = `jobs/${this.job.id}/files/${encodeURIComponent(file.name)}`;
        await sendFile(path, file, (bytes) => this.report(`Sending ${file.name}`, (sent + bytes) / total));
        sent += file.size;
      }
    } catch (error) {
      await this.cancel();
      throw error;
    }
    this.job = await sendJson("POST", `jobs/${this.job.id}/check`);
    await this.follow();
  }

  async build() {
    this.job = await sendJson("POST", `jobs/${this.job.id}/build`);
    await this.follow();
  }

  /** Report the job until it needs the user, or has ended. */
  async follow() {
    while (RUNNING.has(this.job.state)) {
      this.showState();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      this.job = await getJson(`jobs/${this.job.id}`);
    }
    this.showState();
    if (this.job.state === "published") await this.onPublished(this.job.gallery);
  }

  showState() {
    const { state, progress, forecast, error, gallery } = this.job;
    if (state === "checking") this.report("Counting what a build would bring; this loads the model…", null);
    if (state === "building") this.report(...buildingWords(progress));
    if (state === "checked") {
      this.facts.replaceChildren(...forecastLines(forecast));
      this.report("Build it?");
    }
    if (state === "published") this.report(`Gallery "${gallery}" is published and can be searched.`, 1);
    if (state === "failed") this.report(error, null, true);
    if (state === "cancelled") this.report("Cancelled; nothing was kept.");
  }

  report(text, share, isProblem = false) {
    this.words.textContent = text;
    this.words.classList.toggle("problem", isProblem);
    this.bar.hidden = share === undefined || isProblem;
    if (share === null) this.bar.removeAttribute("value");
    else if (share !== undefined) this.bar.value = share;
  }

  render() {
    const button = this.form.querySelector("button[type=submit]");
    const state = this.job?.state;
    button.textContent = state === "checked" ? "Build the gallery" : "Send and count";
    button.disabled = this.isBusy || this.files.length === 0 || state === "published";
    this.form.querySelector("fieldset").disabled = this.isBusy || state === "checked";
    this.dialog.querySelector(".close").textContent = state === "published" ? "Close" : "Cancel";
  }

  async cancel() {
    if (this.job && !ENDED.has(this.job.state)) {
      this.job = await sendJson("DELETE", `jobs/${this.job.id}`).catch(() => this.job);
    }
  }

  async leave() {
    await this.cancel();
    this.dialog.close();
  }
}

/** The files of a drop, those in dropped folders too. */
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const found = await Promise.all(entries.map(filesBelow));
  return found.flat();
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const inner of some) found.push(...(await filesBelow(inner)));
  }
}

function buildingWords(progress) {
  if (!progress) return ["Loading the model…", null];
  const { seen, total, images_per_s: rate, eta_s: eta } = progress;
  const left = eta === null || eta === undefined ? "" : `, about ${durationText(1000 * eta)} left`;
  return [`Building: ${seen} of ${total} images, ${rate.toFixed(1)} a second${left}`, seen / Math.max(1, total)];
}

function forecastLines(forecast) {
  const about = forecast.exact ? "" : "about ";
  const lines = [
    ["Images", `${about}${forecast.images}, of which about ${forecast.usable} can be used`],
    ["Room on the server", `${(forecast.store_bytes / 1e6).toFixed(1)} MB`],
  ];
  if (forecast.minutes !== null) lines.push(["Time", `about ${Math.max(1, Math.ceil(forecast.minutes))} min`]);
  if (forecast.extent) lines.push(["From west, south to east, north", forecast.extent.map((value) => value.toFixed(5)).join(", ")]);
  for (const [kind, causes] of Object.entries(forecast.reasons ?? {})) {
    for (const [cause, count] of Object.entries(causes ?? {})) lines.push([kind.replace("_", " "), `${count}: ${cause}`]);
  }
  return lines.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]);
}
