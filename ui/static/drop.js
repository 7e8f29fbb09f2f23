// The drop zone: choose, drop anywhere on the page, or paste; and the place where a refusal is told.
export class DropZone {
  constructor(zone, onFile) {
    this.zone = zone;
    this.onFile = onFile;
    this.button = zone.querySelector(".choose");
    this.input = zone.querySelector(".file");
    this.button.addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => this.take(this.input.files));
    this.listenToDrags();
    document.addEventListener("paste", (event) => {
      if (!event.target.closest?.("input, textarea")) this.take(event.clipboardData?.files);
    });
  }

  listenToDrags() {
    let depth = 0; // dragenter and dragleave come for every element passed over
    const mark = (change) => {
      depth = Math.max(0, depth + change);
      this.zone.classList.toggle("over", depth > 0);
    };
    window.addEventListener("dragenter", () => mark(1));
    window.addEventListener("dragleave", () => mark(-1));
    window.addEventListener("dragover", (event) => event.preventDefault());
    window.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(-depth);
      this.take(event.dataTransfer?.files);
    });
  }

  take(files) {
    const file = files?.[0];
    if (file) this.onFile(file);
    this.input.value = ""; // so that the same file can be chosen again
  }

  refuse(head, why) {
    this.zone.classList.add("bad");
    this.zone.querySelector(".why-head").textContent = head;
    this.zone.querySelector(".why-line").textContent = why;
    this.focus();
  }

  clear() {
    this.zone.classList.remove("bad");
  }

  focus() {
    this.button.focus({ preventScroll: true });
  }
}
