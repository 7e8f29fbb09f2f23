// The canvas component: one picture at a time, from choosing it to its result.
import { Bars } from "./bars.js";
import { carryAlong, takeCarried } from "./carry.js";
import { Correction } from "./correction.js";
import { Drafts } from "./draft.js";
import { DropZone } from "./drop.js";
import { listenToStage } from "./input.js";
import { followLinks } from "./links.js";
import { Overlay } from "./overlay.js";
import { Resume } from "./resume.js";
import { Stage } from "./stage.js";
import { switchTheme } from "./theme.js";
import { fill } from "./words.js";

const SHOWN_AT_ONCE = ["image/jpeg", "image/png", "image/webp"]; // until the server says what it analysed
const NEGATIVE = ["no_tampering_found", "inconclusive"]; // open on their map: there is no mask to look at

class Page {
  constructor({ element, trigger, upload, props, server, events }) {
    this.root = element.querySelector(".fs");
    this.words = props.words;
    this.mostBytes = props.most_bytes;
    [this.began, this.picked, this.cancelled, this.example, this.resumed] = events.map((name) => (data) => trigger(name, data));
    this.upload = upload;
    this.run = this.file = null;
    this.overlay = new Overlay(this.words);
    this.stage = new Stage(this.root.querySelector(".stage"), (context, stage) => this.overlay.draw(context, stage));
    this.overlay.attach(this.root.querySelector(".tags"), this.stage);
    this.bars = new Bars(this.root, this.words, this.overlay, {
      cancel: () => this.startOver(), again: () => this.startOver(), zoom: (step) => this.stage.zoomStep(step),
    });
    this.drop = new DropZone(this.root.querySelector(".drop"), (file) => this.open(file));
    const drafts = new Drafts();
    this.correction = new Correction({
      root: this.root, words: this.words, stage: this.stage, overlay: this.overlay, server: server ?? {}, drafts,
      setPhase: (phase) => this.setView("work", phase), showPhoto: () => this.bars.chooseLayer("photo"),
      again: () => this.startOver(), fileOf: () => this.file,
    });
    this.resume = new Resume(this.words, drafts, {
      example: (id) => this.openExample(id), case: (id, name) => this.openCase(id, name), file: (file) => this.open(file),
    });
    listenToStage(this.root.querySelector(".canvas"), this.stage, this.overlay, this.bars, this.correction);
  }

  isWorking() {
    return this.root.dataset.phase === "working";
  }

  begin(name) {
    this.takeBack();
    this.correction.leave();
    this.file = this.before = this.refusal = null;
    this.run = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    this.verdict = null;
    this.checking = false;
    document.body.dataset.answer = "found"; // until it is known
    this.own = false;
    this.drop.clear();
    this.overlay.clear();
    this.bars.begin(name);
    this.setView("work", "working");
    this.began();
    return this.run;
  }

  takeBack() {
    if (this.run && (this.isWorking() || this.checking)) this.cancelled({ run: this.run });
  }

  async open(file) {
    const told = { name: file.name, size: (file.size / 1048576).toFixed(1) };
    if (!file.size) return this.refuse(this.words.error_head, fill(this.words.why_empty, told));
    if (file.size > this.mostBytes) return this.refuse(this.words.error_large, fill(this.words.why_large, told));
    const run = this.begin(file.name);
    this.file = file;
    if (SHOWN_AT_ONCE.includes(file.type)) this.overlay.showFile(file);
    try {
      const { path } = await this.upload(file);
      if (run === this.run) this.picked({ run, name: file.name, path });
    } catch (error) {
      console.warn("upload failed", error);
      if (run !== this.run) return;
      const isFull = /\b507\b/.test(String(error)); // Gradio's client gives the status in words
      if (isFull) this.refuse(this.words.error_head, fill(this.words.why_full, told));
      else this.refuse(this.words.error_lost, fill(this.words.why_upload, told));
    }
  }

  openExample(id) {
    const run = this.begin("");
    this.example({ run, example: id });
  }

  // Another answer to the present picture, or a map where the verdict came without one.
  askAgain(what) {
    const { file } = this;
    const { case_id: id, name } = this.correction.result;
    const run = this.begin(name);
    this.before = { id, name };
    this.file = file;
    if (file && SHOWN_AT_ONCE.includes(file.type)) this.overlay.showFile(file);
    this.picked({ run, name, case: id, again: what });
  }

  openCase(id, name) {
    const run = this.begin(name);
    this.resumed({ run, name, case: id });
  }

  // What opens the present answer again; null: there is none.
  present() {
    const { result, session } = this.correction;
    if (!result?.case_id && !result?.example) return null;
    const { example, case_id: id, name, sha256: picture } = result;
    return { example, id, name, picture, code: this.correction.codeOf(picture), isOpen: session !== null };
  }

  reopen({ example, id, name, picture, code, isOpen }) {
    if (code) this.correction.remember(picture, code);
    if (example) this.openExample(example);
    else this.openCase(id, name);
    if (isOpen) this.resume.expect(picture);
  }

  apply(update) {
    if (!update || update.run !== this.run) return;
    if (update.refusal) return this.refuse(update.refusal.head, update.refusal.why, update.refusal.reason);
    if (update.width && !this.own) {
      this.own = true;
      this.overlay.setPicture(update.width, update.height, update.picture);
    }
    this.overlay.setMap(update.map);
    this.overlay.setMask(update.mask, update.regions);
    this.overlay.setLayers(update.layers);
    this.bars.apply(update);
    this.checking = update.checking;
    if (update.verdict) {
      const isNegative = NEGATIVE.includes(update.verdict);
      document.body.dataset.answer = isNegative ? "none" : "found";
      if (!this.verdict) this.bars.chooseLayer(isNegative ? "map" : "photo");
      this.verdict = update.verdict;
    }
    if (update.phase === "done") this.finish(update);
  }

  finish(update) {
    if (this.isWorking()) {
      this.bars.finish();
      this.setView("work", "done");
    }
    if (this.offered === update.run) return; // a later snapshot of the same result: more layers
    this.offered = update.run;
    this.correction.offer(update);
    if (this.refusal) this.correction.setTurn(Boolean(update.case_id), this.refusal);
    this.refusal = null;
    const draft = this.resume.takeFor(update);
    if (draft) this.correction.resume(draft);
  }

  refuse(head, why, reason = "") {
    const { before } = this, { wanted } = this.resume;
    this.leave();
    if (before && reason !== "gone") { // the answer before is still there
      this.openCase(before.id, before.name);
      this.refusal = why;
      return;
    }
    if (reason === "gone" && wanted) this.resume.refused(wanted);
    else this.drop.refuse(head, reason === "gone" ? this.words.why_gone : why);
  }

  leave() {
    this.run = null;
    this.correction.leave();
    this.bars.finish();
    this.setView("start", "idle");
  }

  startOver() {
    this.takeBack();
    this.leave();
    this.drop.clear();
    this.drop.focus();
  }

  async failed() {
    const run = this.run;
    if (run && this.checking) this.leaveUnchecked();
    if (!run || !this.isWorking()) return;
    let why = this.words.why_offline;
    try {
      if ((await fetch("healthz", { cache: "no-store" })).ok) why = this.words.why_lost;
    } catch (error) {
      console.warn("no server", error);
    }
    if (run === this.run) this.refuse(this.words.error_lost, why);
  }

  leaveUnchecked() { // the answer stands; nobody will tell whether it is stable
    this.checking = false;
    document.querySelector(".why .checking")?.remove();
  }

  setView(view, phase) {
    const moved = document.body.dataset.view !== view;
    this.root.dataset.view = document.body.dataset.view = view;
    this.root.dataset.phase = document.body.dataset.phase = phase;
    if (view === "start") this.resume.show();
    if (moved) window.scrollTo({ top: 0 });
    this.stage.resize();
  }
}

export function mount(context) {
  document.documentElement.lang = context.props.language;
  const page = new Page(context);
  page.setView("start", "idle");
  window.addEventListener("fs:update", (event) => page.apply(event.detail));
  window.addEventListener("fs:failed", () => page.failed());
  followLinks({
    light: (id) => page.overlay.light(id),
    layer: (name) => page.bars.chooseLayer(name),
    example: (id) => page.openExample(id), again: (what) => page.askAgain(what),
  });
  switchTheme();
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // its stream is over
  carryAlong(() => page.present());
  const carried = takeCarried();
  if (carried) page.reopen(carried);
}
