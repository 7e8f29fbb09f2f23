// Correcting a result: from "Is this right?" over drawing and rating to the receipt. The picture stays where it is.
import { Bitmap } from "./bitmap.js";
import { Crosshair } from "./crosshair.js";
import { Discarded } from "./discarded.js";
import { Explaining } from "./explaining.js";
import { Keeper } from "./keeper.js";
import { Panel } from "./panel.js";
import { Pen } from "./pen.js";
import { PenKeys } from "./pen_keys.js";
import { load } from "./pixels.js";
import { Receipt } from "./receipt.js";
import { draftFor, requestOf, startOf, valuesFor, whatIsMissing } from "./request.js";
import { Saver } from "./saver.js";
import { Scene } from "./scene.js";
import { Session } from "./session.js";
import { loopOf, strokeOf } from "./strokes.js";
import { ended, fill, share } from "./words.js";
import { WorkBar } from "./workbar.js";

const SAME_LEVEL = 0.005; // of the threshold: there the engine's own mask is taken
const savedAs = (code) => ({ code, mask: null, values: {} }); // what was drawn is not known any more

export class Correction {
  // page: { root, words, stage, overlay, server, drafts, setPhase(phase), showPhoto(), again(), fileOf() }
  constructor(page) {
    Object.assign(this, page);
    this.page = page;
    this.session = null;
    this.last = new Map(); // picture -> { code, mask, values } of what was saved last
    this.pen = new Pen(this.stage, {
      click: ([x, y], adds) => this.session.point({ click: { x, y, positive: adds } }),
      box: (box) => this.session.point({ box }),
      stroke: (points, radius, adds) => this.session.paint(strokeOf(points, radius, ...this.size), adds),
      loop: (points, adds) => this.session.paint(loopOf(points, ...this.size), adds),
      changed: () => this.bar.refresh(),
    });
    this.crosshair = new Crosshair(this.stage, this.pen);
    this.keys = new PenKeys(this);
    this.scene = new Scene(this.pen, this.crosshair);
    this.bar = new WorkBar(this.root, this.words, this, (level, done) => this.slide(level, done));
    this.saver = new Saver((request) => this.server.save?.(request.case_id, request.correction), {
      waits: (seconds) => this.panel.tell(navigator.onLine ? fill(this.words.save_again, { n: seconds }) : this.words.offline, true),
      refused: (why) => this.refused(why),
      done: (answer, request) => this.saved(answer, request),
      late: ({ receipt }, request) => this.savedLate(receipt, request),
    });
    this.discarded = new Discarded(this.words, (draft, file) => this.takeBack(draft, file));
    this.keeper = new Keeper(this.drafts, () => this.draft(), (isKept) => this.panel?.keeps(isKept));
    this.listen();
  }

  listen() {
    document.addEventListener("click", (event) => {
      const how = event.target.closest("[data-fix]")?.dataset.fix;
      if (how && this.canStart()) this.start(how);
      if (event.target.closest(".thumb .save")) this.save();
    });
    document.addEventListener("keydown", (event) => this.onKey(event));
    window.addEventListener("offline", () => { if (this.session) this.panel.tell(this.words.offline); });
    window.addEventListener("online", () => { if (this.session && !this.saver.isBusy) this.panel.tell(null); });
  }

  onKey(event) {
    if (!this.session || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    const isText = event.target.matches?.("textarea, input:not([type=radio], [type=checkbox], [type=range])");
    const act = { s: () => this.save() };
    if (!isText && this.pen.active) act.z = () => (event.shiftKey ? this.session.redo() : this.session.undo());
    if (!isText && this.pen.active) act.y = () => this.session.redo();
    if (!act[key]) return;
    event.preventDefault();
    act[key]();
  }

  // Keys of the reasons that the answer gives.
  get rated() {
    return this.result.claims.map(({ key }) => key);
  }

  get size() {
    return [this.result.width, this.result.height];
  }

  // The code under which this picture was corrected last; null: it was not.
  codeOf(picture) {
    return this.last.get(picture)?.code ?? null;
  }

  remember(picture, code) {
    this.last.set(picture, savedAs(code));
  }

  // A finished result that may be corrected.
  offer(update) {
    this.result = update;
    this.setTurn(Boolean(update.case_id), update.case_id ? "" : this.words.no_case);
  }

  // note: why it is not open, or not whole; the code of what was saved stands there else.
  setTurn(isOpen, note = "") {
    for (const button of document.querySelectorAll("[data-fix]")) button.disabled = !isOpen;
    const line = document.querySelector(".turn-note");
    const code = this.result && this.codeOf(this.result.sha256);
    const told = note || (code ? fill(this.words.saved_before, { code }) : "");
    if (line) [line.textContent, line.hidden] = [told, !told];
  }

  canStart() {
    return Boolean(this.result?.case_id) && !this.session;
  }

  async start(how) {
    const { result } = this;
    this.setTurn(false);
    const kept = how === "fix" || how === "missed" ? this.drafts.get(result.sha256) : null;
    const engine = await this.engineMask(result);
    if (result !== this.result || this.session) return;
    this.setTurn(true, engine ? "" : this.words.no_mask);
    if (engine && kept) this.restore(kept, engine);
    else if (engine) this.open(startOf(how, result, engine, this.last.get(result.sha256)), engine);
  }

  async resume(draft) {
    const { result } = this;
    const engine = await this.engineMask(result);
    if (result !== this.result || this.session) return;
    if (engine) this.restore(draft, engine);
    else this.setTurn(true, this.words.no_mask);
  }

  restore(kept, engine) {
    const draft = draftFor(kept, this.result.claims);
    this.open({ ...draft, state: Session.fromJson(draft.session) }, engine);
    if (draft.request) this.send({ ...draft.request, case_id: this.result.case_id });
  }

  // As the engine drew it; null where it cannot be had now.
  async engineMask({ mask, width, height }) {
    if (!mask) return new Bitmap(width, height);
    try {
      return Bitmap.fromImage(await load(mask), width, height, 127);
    } catch (error) {
      console.info("no mask:", error.message);
      return null;
    }
  }

  open({ uuid, spent, supersedes, values, rated, state }, engine) {
    this.panel ??= this.buildPanel();
    Object.assign(this, { engine, uuid, supersedes, spent, began: Date.now() });
    this.discarded.clear();
    this.session = new Session(state, {
      ask: (prompts, prior) => this.server.segment?.(this.result.case_id, prompts, prior),
      onChange: () => this.changed(), onNote: (note) => this.note(note),
    });
    this.pen.active = true;
    this.bar.tool("click");
    this.bar.sign(true);
    this.bar.showLevel(this.result.threshold ?? 0.5);
    this.overlay.replaceMask((context, stage, strength) => this.scene.draw(context, stage, strength, this.session));
    this.explaining.forget();
    this.panel.open(this.result.claims, valuesFor(values, rated, this.result.claims));
    this.setPhase("fixing");
    this.showPhoto();
    this.note(null);
    this.changed();
    this.keeper.keepFile(this.result.sha256, this.fileOf());
    this.comeIntoSight();
  }

  buildPanel() {
    this.explaining = new Explaining(this);
    this.receipt = new Receipt(document.querySelector(".receipt"), this.words, {
      again: () => this.page.again(), redo: () => this.start("fix"),
    });
    return new Panel(document.querySelector(".fix"), this.words, {
      changed: () => this.keeper.soon(), save: () => this.save(), discard: () => this.discard(), retry: () => this.saver.now(),
      explain: () => this.explaining.ask(), revert: () => this.session.replace(this.engine),
      clear: () => this.session.replace(new Bitmap(...this.size)),
    });
  }

  comeIntoSight() {
    const { top, bottom } = this.stage.box.getBoundingClientRect();
    if (bottom < 120 || top > window.innerHeight - 120) this.root.scrollIntoView({ block: "start" });
    this.stage.box.focus({ preventScroll: true });
  }

  changed() {
    if (!this.session) return;
    this.stage.request();
    this.bar.refresh();
    this.panel.showMask(this.engine, this.session);
    this.explaining.markOld();
    this.bar.say(this.noted, this.session.offer);
    const marked = fill(this.words.alt_fixing, { share: share(this.session.state.mask.share) });
    this.stage.box.setAttribute("aria-label", `${ended(marked)} ${this.words.keys_fixing}`);
    this.keeper.soon();
  }

  // note: a key of the words, or a sentence of the server's.
  note(note) {
    this.noted = this.words[note] ?? note;
    this.bar.say(this.noted, this.session?.offer);
  }

  async slide(level, done) {
    const { result, session } = this;
    this.slid = level;
    const mask = Math.abs(level - result.threshold) < SAME_LEVEL ? this.engine : await this.maskAt(level, result);
    if (mask && session === this.session && this.slid === level) session.slide(mask, done);
  }

  async maskAt(level, { map, width, height }) {
    try {
      this.mapImage = this.mapImage?.address === map ? this.mapImage : { address: map, image: await load(map) };
      return Bitmap.fromImage(this.mapImage.image, width, height, level * 255, true);
    } catch (error) {
      console.info("no map:", error.message);
      return null;
    }
  }

  // What is kept in this browser; null: nothing is open.
  draft() {
    if (!this.session) return null;
    const { uuid, supersedes, result } = this;
    return {
      picture: result.sha256, name: result.name, case_id: result.case_id, example: result.example, uuid, supersedes,
      rated: this.rated, spent: this.secondsSpent(), values: this.panel.read(), session: this.session.toJson(), request: this.saver.request,
    };
  }

  secondsSpent() {
    return this.spent + (Date.now() - this.began) / 1000;
  }

  save() {
    if (!this.session || this.saver.isBusy) return;
    const values = this.panel.read();
    const missing = whatIsMissing(values, this.session);
    if (missing) {
      this.panel.tell(this.words[missing]);
      if (missing === "need_how") this.panel.ask(".how");
      return;
    }
    this.send(requestOf(this, values));
  }

  send(request) {
    this.freeze(true);
    this.panel.tell(null);
    this.saver.start(request);
    this.keeper.now();
  }

  // While an answer is outstanding nothing may change: what was sent may be saved already.
  freeze(isFrozen) {
    this.pen.active = !isFrozen;
    this.panel.busy(isFrozen);
    this.bar.refresh();
  }

  refused(why) {
    this.freeze(false);
    this.panel.tell(fill(this.words.save_refused, { why }));
    this.keeper.now();
  }

  saved(answer, request) {
    const { session, engine, result } = this;
    const values = this.panel.read();
    this.last.set(result.sha256, { code: answer.receipt, mask: session.state.mask, values, rated: this.rated });
    this.keeper.forget(result.sha256);
    this.freeze(false);
    this.pen.active = false;
    this.session = null;
    const outline = this.scene.outlineOf(session.state.mask);
    this.overlay.replaceMask((context, stage, strength) => outline.draw(context, stage, { strength }), { untagged: true });
    this.bar.say("", null);
    this.setPhase("saved");
    this.receipt.show(answer, request, {
      engine, mask: session.state.mask, claims: this.panel.claims.length,
      know: values.how ? this.panel.labelOf("how", values.how) : "",
    });
  }

  discard() {
    const sent = this.saver.discard();
    const draft = sent ? null : this.draft(); // what was sent may be saved: no way back is promised
    this.session = null; // so that leaving does not keep it once more
    const file = this.keeper.forget(this.result.sha256);
    this.close();
    this.setPhase("done");
    this.setTurn(Boolean(this.result.case_id));
    if (draft) return this.discarded.offer(draft, file);
    this.discarded.tell(sent);
    const starts = [...document.querySelectorAll("[data-fix]:not([disabled])")];
    return starts.find((button) => button.checkVisibility())?.focus({ preventScroll: true });
  }

  savedLate(receipt, request) {
    if (!this.last.has(request.picture)) this.remember(request.picture, receipt); // a newer one stays the newest
    this.discarded.tell(request, receipt);
  }

  async takeBack(draft, file) {
    const { result } = this;
    this.discarded.clear();
    this.setTurn(false);
    const engine = await this.engineMask(result);
    if (result !== this.result || this.session) return;
    this.setTurn(true, engine ? "" : this.words.no_mask);
    if (!engine) return this.discarded.offer(draft, file);
    this.restore(draft, engine);
    return this.keeper.keepFile(result.sha256, await file);
  }

  // Leaves everything as the result was; a draft is kept.
  close() {
    if (this.session) this.keeper.now();
    this.saver.stop();
    this.freezeNothing();
    this.session = null;
    this.crosshair.clear();
    this.overlay.replaceMask(null);
    this.bar.say("", null);
  }

  freezeNothing() {
    this.pen.active = false;
    this.pen.cancel();
    this.panel?.busy(false);
  }

  // Another picture comes.
  leave() {
    this.close();
    this.discarded.clear();
    this.result = null;
    this.setTurn(false);
  }
}
