// The canvas component: one picture at a time, from choosing it to its result.
import { Bars } from "./bars.js";
import { DropZone } from "./drop.js";
import { listenToStage } from "./input.js";
import { followLinks } from "./links.js";
import { Overlay } from "./overlay.js";
import { Stage } from "./stage.js";
import { switchTheme } from "./theme.js";
import { fill } from "./words.js";

const SHOWN_AT_ONCE = ["image/jpeg", "image/png", "image/webp"]; // until the server says what it analysed
const NEGATIVE = ["no_tampering_found", "inconclusive"]; // open on their map: there is no mask to look at

class Page {
  constructor({ element, trigger, upload, props, events }) {
    this.root = element.querySelector(".fs");
    this.words = props.words;
    this.mostBytes = props.most_bytes;
    [this.began, this.picked, this.cancelled, this.example] = events.map((name) => (data) => trigger(name, data));
    this.upload = upload;
    this.run = null;
    this.overlay = new Overlay(this.words);
    this.stage = new Stage(this.root.querySelector(".stage"), (context, stage) => this.overlay.draw(context, stage));
    this.overlay.attach(this.root.querySelector(".tags"), this.stage);
    this.bars = new Bars(this.root, this.words, this.overlay, {
      cancel: () => this.startOver(), again: () => this.startOver(), zoom: (step) => this.stage.zoomStep(step),
    });
    this.drop = new DropZone(this.root.querySelector(".drop"), (file) => this.open(file));
    listenToStage(this.root.querySelector(".canvas"), this.stage, this.overlay, this.bars);
  }

  isWorking() {
    return this.root.dataset.phase === "working";
  }

  begin(name) {
    this.takeBack();
    this.run = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    this.verdict = null;
    this.own = false;
    this.drop.clear();
    this.overlay.clear();
    this.bars.begin(name);
    this.setView("work", "working");
    this.began();
    return this.run;
  }

  takeBack() {
    if (this.run && this.isWorking()) this.cancelled({ run: this.run });
  }

  async open(file) {
    const told = { name: file.name, size: (file.size / 1048576).toFixed(1) };
    if (!file.size) return this.refuse(this.words.error_head, fill(this.words.why_empty, told));
    if (file.size > this.mostBytes) return this.refuse(this.words.error_large, fill(this.words.why_large, told));
    const run = this.begin(file.name);
    if (SHOWN_AT_ONCE.includes(file.type)) this.overlay.showFile(file);
    try {
      const { path } = await this.upload(file);
      if (run === this.run) this.picked({ run, name: file.name, path });
    } catch (error) {
      console.warn("upload failed", error);
      if (run === this.run) this.refuse(this.words.error_lost, fill(this.words.why_upload, told));
    }
  }

  openExample(id) {
    const run = this.begin("");
    this.example({ run, example: id });
  }

  apply(update) {
    if (!update || update.run !== this.run) return;
    if (update.refusal) return this.refuse(update.refusal.head, update.refusal.why);
    if (update.width && !this.own) {
      this.own = true;
      this.overlay.setPicture(update.width, update.height, update.picture);
    }
    this.overlay.setMap(update.map);
    this.overlay.setMask(update.mask, update.regions);
    this.overlay.setLayers(update.layers);
    this.bars.apply(update);
    if (update.verdict && !this.verdict) {
      this.verdict = update.verdict;
      this.bars.chooseLayer(NEGATIVE.includes(update.verdict) ? "map" : "photo");
    }
    if (update.phase === "done") {
      this.bars.finish();
      this.setView("work", "done");
    }
  }

  refuse(head, why) {
    this.run = null;
    this.bars.finish();
    this.setView("start", "idle");
    this.drop.refuse(head, why);
  }

  startOver() {
    this.takeBack();
    this.run = null;
    this.bars.finish();
    this.drop.clear();
    this.setView("start", "idle");
    this.drop.focus();
  }

  async failed() {
    const run = this.run;
    if (!run || !this.isWorking()) return;
    let why = this.words.why_offline;
    try {
      if ((await fetch("healthz", { cache: "no-store" })).ok) why = this.words.why_lost;
    } catch (error) {
      console.warn("no server", error);
    }
    if (run === this.run) this.refuse(this.words.error_lost, why);
  }

  setView(view, phase) {
    const moved = document.body.dataset.view !== view;
    this.root.dataset.view = document.body.dataset.view = view;
    this.root.dataset.phase = phase;
    if (moved) window.scrollTo({ top: 0 });
    this.stage.resize();
  }
}

export function mount(context) {
  const page = new Page(context);
  page.setView("start", "idle");
  window.addEventListener("fs:update", (event) => page.apply(event.detail));
  window.addEventListener("fs:failed", () => page.failed());
  followLinks({
    light: (id) => page.overlay.light(id),
    layer: (name) => page.bars.chooseLayer(name),
    example: (id) => page.openExample(id),
  });
  switchTheme();
}
