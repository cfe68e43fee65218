// The question: images (dropped, pasted, chosen or samples), the gallery and the options.

import { exifPosition } from "./exif.js";
import { element, metresText, positionText } from "./dom.js";
import { metresBeyond } from "./geo.js";
import { loadSample, picturePath, sampleRefs } from "./samples.js";

const MOST_IMAGES = 54;
const EDGE_M = 300; // the bounds hold the middles of tiles, whose edges lie beyond

/** One tab's form. Emits through `on`: {change(), submit(), trouble(error)}. */
export class QuestionForm {
  constructor(form, { prior, pictureOf, on }) {
    this.form = form;
    this.prior = prior;
    this.pictureOf = pictureOf;
    this.on = on;
    this.images = [];
    this.file = form.querySelector("input[type=file]");
    this.chosen = form.querySelector(".chosen");
    this.submit = form.querySelector("button[type=submit]");
    this.file.addEventListener("change", () => {
      this.addFiles(this.file.files);
      this.file.value = "";
    });
    form.querySelector(".remove-all").addEventListener("click", () => this.setImages([]));
    form.elements.gallery.addEventListener("change", () => this.showChosen());
    const camera = form.querySelector("input[capture]");
    camera.addEventListener("change", () => {
      this.addFiles(camera.files);
      camera.value = "";
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (form.reportValidity()) on.submit();
    });
    this.acceptDrops(form.querySelector(".drop-zone"));
    this.showChosen();
  }

  acceptDrops(zone) {
    const over = (event) => {
      event.preventDefault();
      zone.classList.toggle("over", event.type === "dragover");
    };
    zone.addEventListener("dragover", over);
    zone.addEventListener("dragleave", over);
    zone.addEventListener("drop", (event) => {
      over(event);
      this.addFiles(event.dataTransfer.files);
    });
  }

  /** Add files of this computer; the service refuses what is no image. */
  async addFiles(files) {
    const added = await Promise.all([...files].map(imageOfFile));
    if (!added.length) return;
    const images = [...this.images.filter((image) => !image.ref), ...added];
    if (images.length > MOST_IMAGES) {
      this.on.trouble(new Error(tooMany(images.length)));
      return;
    }
    this.setImages(images);
  }

  /** Replace the images by one or more gallery images. */
  async useSamples(refs) {
    try {
      this.setImages(await Promise.all(refs.map(loadSample)));
      return true;
    } catch (error) {
      this.on.trouble(error);
      return false;
    }
  }

  setImages(images) {
    for (const image of this.images.filter((one) => !images.includes(one))) {
      URL.revokeObjectURL(image.url);
      image.url = null; // an earlier answer may bring the image back
    }
    this.images = images;
    for (const image of this.images) image.url ??= URL.createObjectURL(image.blob);
    this.showChosen();
    this.on.change();
  }

  showChosen() {
    this.chosen.replaceChildren(...this.images.map((image) => this.chosenItem(image)));
    const count = this.images.length;
    this.form.querySelector(".chosen-count").hidden = count < 2;
    this.form.querySelector(".chosen-count span").textContent = `${count} photos`;
    this.submit.disabled = count === 0;
  }

  chosenItem(image) {
    const picture = element("img", { src: image.url, alt: "", width: 48, height: 48 });
    picture.addEventListener("error", () => picture.classList.add("missing"), { once: true });
    const gps = image.ref
      ? "sample of the gallery"
      : image.own
        ? `EXIF ${positionText(image.own.latitude, image.own.longitude)}`
        : image.blob.type === "image/jpeg"
          ? "no GPS in the file"
          : "only of JPEG files does the page read the GPS";
    const remove = element(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": `Remove ${image.name}`,
        click: () => this.setImages(this.images.filter((other) => other !== image)),
      },
      "×",
    );
    const name = element("span", { class: "title" }, image.name);
    const words = element("span", { class: "words" }, name, element("span", { class: "facts" }, gps));
    const outside = image.ref ? null : this.outsideText(image.own);
    if (outside) words.append(element("span", { class: "outside" }, outside));
    return element("li", {}, picture, words, remove);
  }

  /** A warning where a photo's own GPS lies outside the chosen gallery; null where it does not. */
  outsideText(own) {
    const gallery = this.galleries?.find((one) => one.name === this.form.elements.gallery.value);
    if (!own || !gallery?.bounds) return null;
    const away = metresBeyond(gallery.bounds, own);
    if (away <= EDGE_M) return null;
    return `Its own GPS lies ${metresText(away)} outside gallery "${gallery.name}": it will hardly be found there.`;
  }

  /** List the galleries that can be searched. */
  setGalleries(galleries, chosen) {
    this.galleries = galleries;
    const options = galleries.map((gallery) =>
      element("option", { value: gallery.name }, `${gallery.name} (${gallery.size} images)`),
    );
    const select = this.form.elements.gallery;
    select.replaceChildren(...options);
    if (chosen && galleries.some((gallery) => gallery.name === chosen)) select.value = chosen;
    this.form.querySelector(".no-gallery").hidden = galleries.length > 0;
  }

  /** List the published galleries that cannot be searched, with the service's reasons. */
  tellRefused(refused) {
    const lines = refused.map(({ name, reason }) => element("li", {}, `${name}: ${reason}`));
    this.form.querySelector(".refused").replaceChildren(...lines);
  }

  /** Offer some of a gallery's images as questions. */
  async offerSamples(gallery) {
    const strip = this.form.querySelector(".samples");
    strip.hidden = !gallery;
    if (!gallery) return;
    const list = strip.querySelector("ul");
    const refs = await sampleRefs(gallery);
    const items = refs.map((ref, i) => {
      const image = element("img", { alt: "", width: 72, height: 72 });
      this.pictureOf(picturePath(ref)).then((url) => {
        image.src = url;
      }, this.on.trouble);
      const useAndSubmit = async () => {
        if (await this.useSamples([ref])) this.on.submit();
      };
      const label = `Sample ${i + 1}: ${ref.imageId}`;
      const button = { type: "button", "aria-label": label, title: label, click: useAndSubmit };
      return element("li", {}, element("button", button, image));
    });
    list.replaceChildren(...items);
  }

  /** The query string of the question. */
  parameters() {
    const { gallery, top_k, min_confidence, fov_deg, use_image_gps, explain } = this.form.elements;
    const parameters = new URLSearchParams({ gallery: gallery.value, top_k: top_k.value });
    if (min_confidence.valueAsNumber > 0) parameters.set("min_confidence", min_confidence.value);
    if (fov_deg?.value) parameters.set("fov_deg", fov_deg.value);
    if (use_image_gps?.checked) parameters.set("use_image_gps", "true");
    if (explain.checked) parameters.set("explain", "true");
    this.prior.addTo(parameters);
    return parameters;
  }

  /** Fill the form from a link. */
  restore(parameters, priorValue) {
    const { gallery, top_k, min_confidence, fov_deg, use_image_gps, explain } = this.form.elements;
    if (parameters.has("gallery")) gallery.value = parameters.get("gallery");
    if (parameters.has("top_k")) top_k.value = parameters.get("top_k");
    min_confidence.value = parameters.get("min_confidence") ?? "0";
    if (fov_deg) fov_deg.value = parameters.get("fov_deg") ?? "";
    if (use_image_gps) use_image_gps.checked = parameters.get("use_image_gps") === "true";
    explain.checked = parameters.get("explain") === "true";
    if (priorValue) this.prior.set(priorValue);
  }

  /** Turn explanations off if that is what the service refused; returns whether it was. */
  giveUpExplaining(error) {
    const { explain } = this.form.elements;
    if (!explain.checked || !error.message.startsWith("explain:")) return false;
    explain.checked = false;
    explain.disabled = true;
    return true;
  }

  /** The positions that the images themselves carry. */
  get knownPositions() {
    return this.images.filter((image) => image.own).map((image) => image.own);
  }
}

function tooMany(count) {
  return `${count} images are more than the ${MOST_IMAGES} of one question; none was added. Choose fewer.`;
}

async function imageOfFile(file) {
  const position = await exifPosition(file);
  const label = "The photo's EXIF position (for comparison)";
  return { blob: file, name: file.name || "pasted.png", own: position && { ...position, label } };
}
