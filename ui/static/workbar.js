// The bars of the canvas while a mask is corrected: signs, size, candidates, undo, keep and drop, tools, threshold.
import { kindOf } from "./scene.js";
import { fill, share } from "./words.js";

export class WorkBar {
  // desk: the correction; slide: called with 0..1 while the threshold is moved, and with true when it is let go.
  constructor(root, words, desk, slide) {
    Object.assign(this, { root, words, desk });
    this.find = (selector) => root.querySelector(selector);
    this.find(".signs").addEventListener("click", (event) => this.onSign(event.target.closest("button"), event));
    this.find(".signs").addEventListener("keydown", (event) => this.onSignKey(event));
    this.find(".draw").addEventListener("click", (event) => this.onTool(event.target.closest("button"), event));
    this.size = this.find(".brush-size input");
    this.size.addEventListener("input", () => desk.pen.resize(this.size.value / 100));
    this.find(".candidates .seg").addEventListener("click", (event) => this.onCandidate(event.target.closest("button")));
    this.slider = this.find(".slide input");
    this.slider.addEventListener("input", () => this.slid(slide, false));
    this.slider.addEventListener("change", () => this.slid(slide, true));
    document.addEventListener("click", (event) => this.onDo(event.target.closest("[data-do]")?.dataset.do));
  }

  onDo(name) {
    const { session } = this.desk;
    if (session && ["undo", "redo", "keep", "drop"].includes(name)) session[name]();
  }

  onSign(button, event) {
    if (!button) return;
    this.sign(button.dataset.adds === "true");
    this.backToStage(event);
  }

  onSignKey(event) {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
    this.sign(!this.desk.pen.adds);
    this.find('.signs [aria-checked="true"]').focus();
  }

  onTool(button, event) {
    if (!button) return;
    this.tool(button.dataset.draw);
    this.backToStage(event);
  }

  onCandidate(button) {
    if (button) this.desk.session.choose(Number(button.textContent) - 1);
  }

  backToStage(event) { // after a mouse, so that the keys of the stage work at once
    if (event.detail) this.desk.stage.box.focus({ preventScroll: true });
  }

  slid(slide, done) {
    const level = this.slider.value / 100;
    this.showLevel(level);
    slide(level, done);
  }

  showLevel(level) {
    this.slider.value = Math.round(level * 100);
    this.slider.style.setProperty("--at", `${level * 100}%`);
    this.find(".slide .num").textContent = level.toFixed(2);
  }

  sign(adds) {
    this.desk.pen.adds = adds;
    this.refresh();
  }

  tool(name) {
    this.desk.pen.choose(name);
    this.refresh();
  }

  refresh() {
    const { pen, session } = this.desk;
    for (const button of this.find(".signs").children) {
      const checked = (button.dataset.adds === "true") === pen.adds;
      button.setAttribute("aria-checked", String(checked));
      button.tabIndex = checked ? 0 : -1;
    }
    for (const button of this.find(".draw").children) {
      button.setAttribute("aria-pressed", String(button.dataset.draw === pen.tool));
    }
    this.find(".brush-size").hidden = !pen.draws();
    this.size.value = Math.round(pen.reach * 100);
    this.size.style.setProperty("--at", `${pen.reach * 100}%`);
    this.find(".brush-size .num").textContent = `${Math.max(1, Math.round(pen.width))} px`;
    if (session) this.showSession(session);
  }

  showSession(session) {
    this.showCandidates(session.state);
    const can = { undo: session.past.length || session.seeking, redo: session.future.length, keep: session.offer };
    can.drop = session.offer || session.seeking;
    const isOpen = this.desk.pen.active;
    for (const button of document.querySelectorAll("[data-do]")) button.disabled = !isOpen || !can[button.dataset.do];
    this.slider.disabled = !isOpen;
  }

  showCandidates({ offers, chosen }) {
    this.find(".candidates").hidden = offers.length < 2 || this.desk.pen.draws();
    const buttons = offers.map((_, i) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: i + 1 });
      button.setAttribute("aria-pressed", String(i === chosen));
      return button;
    });
    this.find(".candidates .seg").replaceChildren(...buttons);
  }

  // What the proposal would do, or what the server said instead.
  say(text, offer) {
    const note = this.find(".offer");
    note.hidden = !text && !offer;
    note.dataset.kind = offer && !text ? kindOf(offer.adds) : "";
    const told = text || (offer ? fill(this.words[offer.adds ? "adds" : "removes"], { share: share(offer.area.share) }) : "");
    const line = note.querySelector("span");
    if (line.textContent !== told) line.textContent = told;
  }
}
