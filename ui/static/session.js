// What is being corrected: the mask, what was pointed at, and the open proposal. Every step can be undone.
import { Bitmap } from "./bitmap.js";
import { anchored, offersOf, isRefinement } from "./proposal.js";

const MOST_STEPS = 200;
const NO_PROMPTS = { clicks: [], box: null };

export class Session {
  // start: the state to begin with; ask: (prompts, prior) => the server's answer; onChange, onNote: told of it.
  constructor(start, { ask, onChange, onNote }) {
    Object.assign(this, { ask, onChange, onNote });
    this.past = [];
    this.future = [];
    this.state = start;
    this.seeking = null; // prompts the server was asked about
    this.sliding = null; // the state before a mask is chosen that is not chosen yet
    this.ticket = 0;
  }

  static begin(mask) {
    return { mask, prompts: NO_PROMPTS, offers: [], chosen: 0, used: NO_PROMPTS };
  }

  get offer() {
    return this.state.offers[this.state.chosen] ?? null;
  }

  get prompts() {
    return this.seeking ?? this.state.prompts;
  }

  // A click {x, y, positive} or a box [x0, y0, x1, y1] asks for a proposal, or refines the open one.
  async point({ click = null, box = null }) {
    if (click && this.offer && !isRefinement(click, this.offer, this.state)) this.keep();
    const { clicks, box: boxBefore } = this.prompts;
    const prompts = { clicks: click ? [...clicks, click] : clicks, box: box ?? boxBefore };
    const ticket = this.supersede();
    this.seeking = prompts;
    this.onNote("seeking");
    this.onChange();
    const answer = await this.ask(anchored(prompts, this.state.prompts), this.state.mask.toRle());
    if (ticket !== this.ticket) return; // something newer happened meanwhile
    this.seeking = null;
    const offers = offersOf(answer, this.state, click);
    if (offers.length) this.step({ prompts, offers, chosen: 0 });
    else this.fail(answer, click);
  }

  fail(answer, click) {
    const nothing = click && !click.positive ? "nothing_to_remove" : "nothing_to_add";
    this.onNote(answer?.error ?? (answer ? nothing : "no_segment"));
    this.onChange();
  }

  // From now on, answers to earlier questions are not listened to.
  supersede() {
    this.seeking = null;
    return ++this.ticket;
  }

  step(changes) {
    this.supersede();
    const before = this.state;
    this.past = [...this.past, before].slice(-MOST_STEPS);
    this.future = [];
    this.state = { ...before, ...changes };
    if (before.mask !== this.state.mask) before.mask.pack();
    if (before.offers !== this.state.offers) before.offers.forEach(({ area }) => area.pack());
    this.onNote(null);
    this.onChange();
  }

  keep() {
    if (!this.offer) return;
    const { mask, prompts, used } = this.state;
    this.step({
      mask: mask.with(this.offer.area, this.offer.adds), prompts: NO_PROMPTS, offers: [], chosen: 0,
      used: { clicks: [...used.clicks, ...prompts.clicks], box: prompts.box ?? used.box },
    });
  }

  drop() {
    if (this.seeking && !this.offer) {
      this.supersede();
      this.onNote(null);
      this.onChange();
    } else if (this.offer) this.step({ prompts: NO_PROMPTS, offers: [], chosen: 0 });
  }

  choose(index) {
    const { length } = this.state.offers;
    if (length) this.state = { ...this.state, chosen: (index + length) % length };
    this.onChange();
  }

  // Changes the mask itself: a stroke, a loop.
  paint(area, adds) {
    this.step({ mask: this.state.mask.with(area, adds) });
  }

  // Another mask altogether: the whole map at a threshold, the engine's, none.
  replace(mask) {
    this.step({ mask, prompts: NO_PROMPTS, offers: [], chosen: 0 });
  }

  // A mask that is still being chosen: one step, however often it changes before it is done.
  slide(mask, isDone) {
    this.sliding ??= this.state;
    this.state = this.sliding;
    if (isDone) {
      this.sliding = null;
      return this.replace(mask);
    }
    this.supersede();
    this.state = { ...this.state, mask, prompts: NO_PROMPTS, offers: [], chosen: 0 };
    return this.onChange();
  }

  undo() {
    const wasSeeking = this.seeking !== null;
    this.supersede();
    if (wasSeeking) this.move([], []); // the question itself is taken back
    else this.move(this.past, this.future);
  }

  redo() {
    this.supersede();
    this.move(this.future, this.past);
  }

  move(from, to) {
    if (from.length) {
      to.push(this.state);
      this.state = from.pop();
    }
    this.onNote(null);
    this.onChange();
  }

  toJson() {
    const { mask, prompts, offers, chosen, used } = this.state;
    const told = offers.map(({ area, adds }) => ({ rle: area.toRle(), adds }));
    return { mask: mask.toRle(), prompts, offers: told, chosen, used };
  }

  static fromJson({ mask, prompts, offers, chosen, used }) {
    const told = offers.map(({ rle, adds }) => ({ area: Bitmap.fromRle(rle), adds }));
    return { mask: Bitmap.fromRle(mask), prompts, offers: told, chosen, used };
  }
}
