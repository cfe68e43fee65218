// The map: the gallery's own pictures as the base, its footprints, and a view to share.

import * as L from "../leaflet/leaflet-src.esm.js";
import { getBlob, getJson } from "./api.js";
import { FootprintLayer } from "./footprints.js";
import { preference } from "./preferences.js";

const TILE_MAX_ZOOM = 24;
const CALM = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Tiles fetched with the API key; a plain <img src> could not send it. */
const GalleryTiles = L.GridLayer.extend({
  initialize(gallery, options) {
    this.gallery = gallery;
    L.GridLayer.prototype.initialize.call(this, options);
    this.on("tileunload", (event) => {
      event.tile.stop?.abort();
      URL.revokeObjectURL(event.tile.src);
    });
  },
  createTile({ x, y, z }, done) {
    const tile = document.createElement("img");
    tile.alt = "";
    tile.stop = new AbortController();
    getBlob(tilePath(this.gallery, z, x, y), tile.stop.signal).then(
      (blob) => {
        if (blob.size === 0) {
          done(null, tile); // 204: no image lies here
          return;
        }
        tile.onload = () => done(null, tile);
        tile.src = URL.createObjectURL(blob);
      },
      (error) => done(error, tile),
    );
    return tile;
  },
});

/** Path of one XYZ tile; the version in it lets browsers keep tiles. */
function tilePath(gallery, z, x, y) {
  const version = encodeURIComponent(gallery.version);
  return `galleries/${encodeURIComponent(gallery.name)}/tiles/${z}/${x}/${y}?v=${version}`;
}

/** One Leaflet map with a base gallery that can be changed. */
export class MapView {
  constructor(container, onTrouble) {
    this.onTrouble = onTrouble;
    this.map = L.map(container, {
      preferCanvas: true,
      zoomSnap: 0.5,
      maxZoom: TILE_MAX_ZOOM,
      zoomAnimation: !CALM,
      fadeAnimation: !CALM,
      markerZoomAnimation: !CALM,
      inertia: !CALM,
      worldCopyJump: true,
      attributionControl: false,
    });
    this.credit = L.control.attribution({ prefix: false, position: "bottomleft" });
    this.map.setView([0, 0], 2);
    this.zooming = false;
    this.map.on("zoomstart", () => (this.zooming = true));
    this.map.on("zoomend", () => (this.zooming = false));
    L.control.scale({ imperial: preference("unit") === "ft", metric: preference("unit") === "m" }).addTo(this.map);
    this.footprints = new FootprintLayer().addTo(this.map);
    this.tiles = null;
    this.base = null;
    this.loading = null;
    new ResizeObserver(() => this.map.invalidateSize()).observe(container);
  }

  /**
   * Show a gallery underneath, whole; its footprints come in one answer, or by view where it is huge.
   */
  async setBase(gallery) {
    if (this.base?.name === gallery?.name && this.base?.version === gallery?.version) return;
    this.base = gallery;
    this.tiles?.remove();
    this.tiles = null;
    this.footprints.setCollection(null);
    this.map.off("moveend", this.reload, this);
    if (!gallery) return;
    const collection = await this.load(gallery);
    if (this.base !== gallery || !collection) return;
    this.extent = this.footprints.extent();
    if (collection.truncated) this.extent = boxOf(collection.bbox).pad(0.02);
    this.showAll();
    if (gallery.view === "satellite") {
      const options = { maxZoom: TILE_MAX_ZOOM, bounds: this.extent ?? undefined, zIndex: 1 };
      this.tiles = new GalleryTiles(gallery, options).addTo(this.map);
    }
    if (collection.truncated) this.map.on("moveend", this.reload, this);
  }

  /** Fetch the footprints, all of them or those in view. */
  async load(gallery, within = null) {
    this.loading?.abort();
    this.loading = new AbortController();
    const query = within ? `?bounds=${within.map((value) => value.toFixed(7)).join(",")}` : "";
    const path = `galleries/${encodeURIComponent(gallery.name)}/footprints${query}`;
    try {
      const collection = await getJson(path, this.loading.signal);
      if (this.base === gallery) this.footprints.setCollection(collection);
      return collection;
    } catch (error) {
      if (error.name === "AbortError") return null;
      throw error;
    }
  }

  reload() {
    const bounds = this.map.getBounds();
    const west = Math.max(-180, bounds.getWest());
    const east = Math.min(180, bounds.getEast());
    const south = Math.max(-90, bounds.getSouth());
    const north = Math.min(90, bounds.getNorth());
    this.load(this.base, [west, south, east, north]).catch(this.onTrouble);
  }

  /** Show or hide the outlines of all tiles; what lies where is known either way. */
  showOutlines(shown) {
    this.map.getContainer().classList.toggle("outlines", shown);
  }

  /** Add or remove a layer below the gallery, with the credit that it asks for. */
  toggle(layer, shown) {
    if (!shown) layer.remove();
    else if (!this.map.hasLayer(layer)) layer.addTo(this.map);
    if (shown) this.credit.addTo(this.map);
    else this.credit.remove();
  }

  /** Look at the whole base gallery. */
  showAll() {
    if (this.extent) this.fit(this.extent);
  }

  /** Look at a box. */
  fit(bounds, maxZoom = 19) {
    if (this.zooming) {
      // Leaflet ignores a new view while it animates a zoom.
      this.map.once("zoomend", () => this.fit(bounds, maxZoom));
      return;
    }
    if (bounds.isValid()) {
      this.map.fitBounds(bounds, { padding: [40, 40], maxZoom, animate: !CALM });
    }
  }

  /** Pan as little as needed to show a position, once the layout has settled. */
  keepInView(position) {
    requestAnimationFrame(() => {
      this.map.invalidateSize({ animate: false });
      this.map.panInside(position, { padding: [70, 70], animate: !CALM });
    });
  }

  /** "zoom/latitude/longitude", for a link. */
  get position() {
    const { lat, lng } = this.map.getCenter();
    return `${this.map.getZoom()}/${lat.toFixed(6)}/${lng.toFixed(6)}`;
  }

  /** Restore the position of a link. */
  set position(text) {
    const [zoom, latitude, longitude] = text.split("/").map(Number);
    if ([zoom, latitude, longitude].every(Number.isFinite)) {
      this.map.setView([latitude, longitude], zoom, { animate: false });
    }
  }
}

/** Leaflet bounds of [west, south, east, north]; east goes beyond 180 across the antimeridian. */
export function boxOf(bbox) {
  if (!bbox) return null;
  const [west, south, east, north] = bbox;
  return L.latLngBounds([south, west], [north, east < west ? east + 360 : east]);
}
