// A tab list as the ARIA Authoring Practices describe it: arrows move, one tab is in the tab order.

/** Tabs with `aria-controls`; `onSelect(name)` is called with the tab's data-name. */
export class Tabs {
  constructor(list, onSelect) {
    this.tabs = [...list.querySelectorAll("[role=tab]")];
    this.onSelect = onSelect;
    for (const tab of this.tabs) tab.addEventListener("click", () => this.select(tab.dataset.name));
    list.addEventListener("keydown", (event) => this.move(event));
  }

  /** Name of the tab that is shown. */
  get selected() {
    return this.tabs.find((tab) => tab.getAttribute("aria-selected") === "true").dataset.name;
  }

  select(name) {
    for (const tab of this.tabs) {
      const on = tab.dataset.name === name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
    }
    this.onSelect(name);
  }

  move(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const at = this.tabs.indexOf(document.activeElement) + steps[event.key];
    const next = this.tabs.at(at % this.tabs.length);
    this.select(next.dataset.name);
    next.focus();
  }
}
