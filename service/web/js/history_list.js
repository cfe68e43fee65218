// The answers of this tab, newest first; kept until the page is left, and never sent anywhere.

import { element } from "./dom.js";

const KEPT = 20;
const WORDS = { match: "Match", uncertain: "Uncertain", no_match: "No match" };

/** A list of earlier answers; `onShow(entry)` is called with the one that is clicked. */
export class HistoryList {
  constructor(root, onShow) {
    this.root = root;
    this.list = root.querySelector("ol");
    this.onShow = onShow;
    this.entries = [];
  }

  /** @param entry {answer, parameters, sent, images} */
  add(entry) {
    this.entries = [{ ...entry, at: new Date() }, ...this.entries].slice(0, KEPT);
    this.root.hidden = this.entries.length < 2;
    this.list.replaceChildren(...this.entries.map((each) => this.item(each)));
  }

  item(entry) {
    const names = entry.sent.images.map((image) => image.name);
    const more = names.length > 1 ? ` and ${names.length - 1} more` : "";
    const time = entry.at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const words = `${time} · ${WORDS[entry.answer.status]} · ${names[0]}${more}`;
    return element(
      "li",
      {},
      element("button", { type: "button", class: "quiet", click: () => this.onShow(entry) }, words),
    );
  }
}
