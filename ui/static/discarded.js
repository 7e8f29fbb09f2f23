// What is said after a correction was discarded: the way back, and whether it had been saved already.
import { fill } from "./words.js";

export class Discarded {
  // restore(draft, file): opens a draft again, its picture in this browser with it.
  constructor(words, restore) {
    Object.assign(this, { words, restore, lines: new Map() });
  }

  // The way back, until another correction begins or another picture comes. file: a promise of its picture.
  offer(draft, file) {
    this.setWayBack(() => this.restore(draft, file));
    document.querySelector(".take-back button").focus({ preventScroll: true });
  }

  clear() {
    this.setWayBack(null);
  }

  setWayBack(act) {
    const line = document.querySelector(".take-back");
    if (!line) return;
    line.hidden = !act;
    line.querySelector("button").onclick = act;
  }

  // A line that stays, one for each request: that it may have been saved, then its code if that comes.
  tell({ name, correction }, code = null) {
    const line = this.lines.get(correction.client_uuid) ?? document.createElement("li");
    this.lines.set(correction.client_uuid, line);
    line.textContent = `${fill(this.words[code ? "saved_late" : "saved_maybe"], { name, code })} `;
    if (code) line.append(this.linkTo(code));
    document.querySelector(".late").append(line);
  }

  linkTo(code) {
    const link = document.createElement("a");
    return Object.assign(link, { href: receiptAddress(code), target: "_blank", rel: "noopener", textContent: this.words.follow_it });
  }
}

export function receiptAddress(code) {
  return `receipt?code=${encodeURIComponent(code)}&lang=${document.documentElement.lang}`;
}
