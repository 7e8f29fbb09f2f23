// What is said after a correction was discarded: the way back, and whether it had been saved already.
import { fill } from "./words.js";

export class Discarded {
  // restore: opens a draft again, its picture in this browser with it.
  constructor(words, restore) {
    Object.assign(this, { words, restore });
  }

  // The way back, until another correction begins or another picture comes. file: a promise of its picture.
  offer(draft, file) {
    const line = document.querySelector(".take-back");
    line.hidden = false;
    line.querySelector("button").onclick = () => this.restore(draft, file);
    line.querySelector("button").focus({ preventScroll: true });
  }

  // What was sent before it was discarded turned out to be saved.
  tellSaved(receipt) {
    const line = document.querySelector(".saved-late");
    line.hidden = false;
    line.querySelector("span").textContent = fill(this.words.saved_late, { code: receipt });
    line.querySelector("a").href = receiptAddress(receipt);
  }

  clear() {
    for (const line of document.querySelectorAll(".take-back, .saved-late")) line.hidden = true;
  }
}

export function receiptAddress(code) {
  return `receipt?code=${encodeURIComponent(code)}&lang=${document.documentElement.lang}`;
}
