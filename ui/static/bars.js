// The bars round the stage: name and steps, layers and their strength, tools.
import { ended } from "./words.js";

const TICK_MS = 100;

export class Bars {
  constructor(root, words, overlay, { cancel, again, zoom }) {
    this.root = root;
    this.words = words;
    this.overlay = overlay;
    this.find = (selector) => root.querySelector(selector);
    this.choices = [];
    this.find(".cancel").addEventListener("click", cancel);
    this.find(".new").addEventListener("click", again);
    this.find(".toolrail").addEventListener("click", (event) => this.useTool(event.target.closest(".tool"), zoom));
    this.slider = this.find(".strength input");
    this.slider.addEventListener("input", () => this.setStrength(this.slider.value / 100));
    this.listenToLayers();
    overlay.onChange = () => this.refresh();
    overlay.onNote = (text) => this.note(text);
  }

  begin(name) {
    this.find(".name").textContent = name;
    this.find(".facts-line").textContent = "";
    this.find(".stage").setAttribute("aria-label", this.words.alt_working);
    this.find('[data-tool="hide"]').setAttribute("aria-pressed", "false");
    this.note("");
    this.legends = {};
    this.setLayers([]);
    this.setSteps([{ name: this.words.uploading, mark: "now" }]);
    this.started = performance.now();
    clearInterval(this.ticking);
    const seconds = () => ((performance.now() - this.started) / 1000).toFixed(1);
    const tick = () => { this.find(".elapsed").textContent = `${seconds()} ${this.words.seconds}`; };
    tick();
    this.ticking = setInterval(tick, TICK_MS);
  }

  finish() {
    clearInterval(this.ticking);
  }

  apply(update) {
    this.find(".name").textContent = update.name;
    this.find(".facts-line").textContent = update.facts;
    this.find(".stage").setAttribute("aria-label", [update.alt, update.summary, this.words.keys].filter(Boolean).map(ended).join(" "));
    this.note(update.note);
    this.setSteps(update.steps);
    this.threshold = update.threshold;
    this.legends = Object.fromEntries(update.layers.map((layer) => [layer.name, layer.legend]));
    this.setLayers(update.layers);
  }

  note(text) {
    const note = this.find(".stage .note");
    note.hidden = !text;
    if (note.textContent !== text) note.textContent = text;
  }

  setSteps(steps) {
    const key = JSON.stringify(steps);
    if (key === this.shownSteps) return; // one spoken message a step
    this.shownSteps = key;
    this.find(".steps").replaceChildren(...steps.map(stepOf));
  }

  setLayers(layers) {
    const choices = [{ name: "photo", title: this.words.photo }, { name: "map", title: this.words.map }, ...layers];
    const key = choices.map(({ name }) => name).join();
    if (key !== this.choices.map(({ name }) => name).join()) {
      this.choices = choices;
      this.find(".layer-choice").replaceChildren(...choices.map(choiceOf));
    }
    this.refresh();
  }

  listenToLayers() {
    const seg = this.find(".layer-choice");
    seg.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.chooseLayer(button.dataset.layer);
    });
    seg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.nextLayer(step);
      seg.querySelector('[aria-checked="true"]').focus();
    });
  }

  // A layer that has not come yet is shown as soon as it does.
  chooseLayer(name) {
    this.overlay.choose(name);
    this.refresh();
  }

  nextLayer(step = 1) {
    const there = this.choices.filter(({ name }) => this.overlay.has(name));
    const at = there.findIndex(({ name }) => name === this.overlay.layer);
    this.chooseLayer(there[(at + step + there.length) % there.length].name);
  }

  setStrength(value) {
    this.overlay.setStrength(value);
    this.refresh();
  }

  nextStrength() {
    const next = Math.round(this.overlay.strength() * 100 + 20);
    this.setStrength((next > 100 ? 20 : next) / 100);
  }

  refresh() {
    const { layer } = this.overlay;
    for (const button of this.find(".layer-choice").children) {
      const checked = button.dataset.layer === layer;
      button.setAttribute("aria-checked", String(checked));
      button.tabIndex = checked ? 0 : -1;
      button.disabled = !this.overlay.has(button.dataset.layer);
    }
    const percent = Math.round(this.overlay.strength() * 100);
    this.slider.value = percent;
    this.slider.style.setProperty("--at", `${percent}%`);
    this.showLegend(layer); // first, as it takes room from the choice
    this.bringIntoSight(this.find('.layer-choice [aria-checked="true"]'));
  }

  // Many layers scroll sideways in their bar; the page itself stays where it is.
  bringIntoSight(button) {
    const seg = this.find(".layer-choice");
    if (!button || seg.scrollWidth <= seg.clientWidth) return;
    seg.scrollLeft = button.offsetLeft - (seg.clientWidth - button.offsetWidth) / 2;
  }

  showLegend(layer) {
    const legend = this.find(".legend");
    legend.hidden = layer === "photo" || !this.overlay.has(layer);
    const bar = this.find(".ramp");
    bar.toggleAttribute("data-threshold", layer === "map" && this.threshold !== null);
    bar.style.setProperty("--t", this.threshold ?? 0);
    this.find(".most").textContent = layer === "map" ? "1" : this.legends?.[layer] ?? "";
  }

  useTool(tool, zoom) {
    if (!tool) return;
    const steps = { in: 1, out: -1, fit: 0 };
    if (tool.dataset.tool in steps) zoom(steps[tool.dataset.tool]);
    if (tool.dataset.tool === "full") this.fullScreen();
    if (tool.dataset.tool === "hide") {
      const hidden = tool.getAttribute("aria-pressed") !== "true";
      tool.setAttribute("aria-pressed", String(hidden));
      this.overlay.hide(hidden);
    }
  }

  async fullScreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await this.find(".canvas").requestFullscreen();
    } catch (error) { // embedded frames may forbid it
      console.info("no full screen:", error.message);
    }
  }
}

function stepOf({ name, mark }) {
  const step = document.createElement("li");
  step.className = mark;
  step.innerHTML = mark === "done" ? '<svg class="i s" aria-hidden="true"><use href="#i-check"/></svg>' : '<span class="dot"></span>';
  step.append(Object.assign(document.createElement("span"), { textContent: name }));
  return step;
}

function choiceOf({ name, title }) {
  const choice = document.createElement("button");
  choice.type = "button";
  choice.textContent = title;
  choice.dataset.layer = name;
  choice.setAttribute("role", "radio");
  return choice;
}
