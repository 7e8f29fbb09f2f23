// Corrections that are not saved yet, kept in this browser: by the picture's digest, the latest few, for some days.
import { forgetPictures } from "./pictures.js";

const PREFIX = "fakeshield-draft:";
const MOST = 4;
const KEPT_MS = 7 * 24 * 3600 * 1000;

export class Drafts {
  constructor(storage = safeStorage()) {
    this.storage = storage;
    this.tidy();
    this.forgetPictures();
  }

  // Whether it is kept: a browser may have no room, or allow none.
  put(draft) {
    try {
      this.storage.setItem(PREFIX + draft.picture, JSON.stringify({ ...draft, at: Date.now() }));
      this.tidy();
      return true;
    } catch (error) {
      console.info("draft is not kept:", error.name);
      return false;
    }
  }

  get(picture) {
    try {
      return JSON.parse(this.storage.getItem(PREFIX + picture));
    } catch (error) {
      console.info("draft cannot be read:", error.name);
      return null;
    }
  }

  newest() {
    return this.all()[0] ?? null;
  }

  forget(picture) {
    this.storage?.removeItem(PREFIX + picture);
  }

  // Pictures whose draft is gone go, too.
  forgetPictures() {
    return forgetPictures(this.all().map(({ picture }) => picture));
  }

  all() {
    const names = Array.from({ length: this.storage?.length ?? 0 }, (_, i) => this.storage.key(i));
    const drafts = names.filter((name) => name.startsWith(PREFIX)).map((name) => this.get(name.slice(PREFIX.length)));
    return drafts.filter(Boolean).sort((a, b) => b.at - a.at);
  }

  tidy() {
    const oldest = Date.now() - KEPT_MS;
    this.all().forEach((draft, i) => { if (i >= MOST || draft.at < oldest) this.forget(draft.picture); });
  }
}

function safeStorage() {
  try {
    return window.localStorage;
  } catch (error) { // closed in some embedded frames
    console.info("no drafts:", error.name);
    return null;
  }
}
