// Lines between the points of two pictures side by side that show the same.

import { icon } from "./dom.js";

const SHADES = 12;

/** Draws over a stage of two images; `show(points)` and `clear()`. */
export class PointLines {
  constructor(stage, images) {
    this.stage = stage;
    this.images = images;
    this.points = [];
    for (const image of images) image.addEventListener("load", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(stage);
  }

  /** @param points [[x, y, u, v]]: 0..1 from the top left of the left and of the right picture */
  show(points) {
    this.points = points;
    this.draw();
  }

  clear() {
    this.show([]);
  }

  draw() {
    this.drawing?.remove();
    this.drawing = null;
    const [left, right] = this.images.map((image) => this.shownBox(image));
    if (!this.points.length || this.stage.dataset.mode !== "side" || !left || !right) return;
    const { width, height } = this.stage.getBoundingClientRect();
    const paths = this.points.map(([x, y, u, v]) => {
      const from = `${left.x + x * left.width} ${left.y + y * left.height}`;
      const to = `${right.x + u * right.width} ${right.y + v * right.height}`;
      return `M${from}L${to}`;
    });
    this.drawing = icon("point-lines", `0 0 ${width} ${height}`, ...paths);
    [...this.drawing.children].forEach((path, i) => {
      path.style.stroke = `hsl(${(360 * (i % SHADES)) / SHADES} 90% 55%)`;
    });
    this.stage.append(this.drawing);
  }

  /** Where an image's picture is within the stage: it keeps its shape in its box. */
  shownBox(image) {
    if (image.hidden || !image.naturalWidth) return null;
    const stage = this.stage.getBoundingClientRect();
    const box = image.getBoundingClientRect();
    const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
    const [width, height] = [scale * image.naturalWidth, scale * image.naturalHeight];
    const x = box.x - stage.x + (box.width - width) / 2;
    return { x, y: box.y - stage.y + (box.height - height) / 2, width, height };
  }
}
