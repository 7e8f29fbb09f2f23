// What is drawn on the stage: the picture once, over it a layer in colours, the mask's outline, and tags.
import { Mask } from "./mask.js";
import { load, tinted } from "./pixels.js";
import { Tags } from "./tags.js";

const STRENGTH = { photo: 0.6, map: 0.55 }; // of a layer that has just come; others are opaque

export class Overlay {
  constructor(words) {
    this.words = words;
    this.clear();
  }

  attach(tagBox, stage) {
    this.stage = stage;
    this.tags = new Tags(tagBox);
  }

  clear() {
    if (this.fileAddress) URL.revokeObjectURL(this.fileAddress);
    this.fileAddress = null;
    this.picture = null;
    this.mask = this.maskImage = this.mapImage = null;
    this.marks = null; // draws in place of the engine's mask while it is corrected
    this.drawn = {}; // layer name -> canvas in colours
    this.asked = {}; // what was fetched already, by use
    this.layer = "photo";
    this.strengths = { ...STRENGTH };
    this.hidden = this.held = this.untagged = false;
    this.lit = null;
    this.tags?.show([], null);
    this.stage?.request();
  }

  // The visitor's own file, before the server has said anything.
  async showFile(file) {
    this.fileAddress = URL.createObjectURL(file);
    await this.take("picture", this.fileAddress, (image) => {
      this.picture = image;
      this.stage.show(image.naturalWidth, image.naturalHeight);
    });
  }

  // The picture as it was analysed: its size, and its address unless the visitor's own file shows the same.
  async setPicture(width, height, address) {
    this.size = [width, height];
    if (!address) {
      if (this.fileAddress) this.stage.show(width, height);
      return;
    }
    await this.take("picture", address, (image) => {
      this.picture = image;
      this.stage.show(width, height);
    });
  }

  async setMap(address) {
    if (address) await this.take("map", address, (image) => {
      this.mapImage = image;
      this.drawn.map = tinted(image);
    });
  }

  async setMask(address, regions) {
    if (!address) return;
    await this.take("mask", address, (image) => {
      this.maskImage = image;
      this.mask = Mask.ofImage(image, this.size, regions);
      this.tags.show(regions, this.mask);
    });
  }

  async setLayers(layers) {
    const come = layers.filter((layer) => layer.address);
    await Promise.all(come.map(({ name, address }) => this.take(name, address, (image) => { this.drawn[name] = tinted(image); })));
  }

  // Fetches once, and forgets what arrives after another picture was opened.
  async take(use, address, keep) {
    if (this.asked[use] === address) return;
    const asked = this.asked;
    asked[use] = address;
    try {
      const image = await load(address);
      if (asked !== this.asked || asked[use] !== address) return;
      keep(image);
      this.stage.request();
      this.onChange?.();
    } catch (error) {
      console.info("not shown:", use, error.message);
      if (use === "picture" && asked === this.asked && !this.picture) this.onNote?.(this.words.no_display);
    }
  }

  has(layer) {
    return layer === "photo" || layer in this.drawn;
  }

  strength() {
    return this.strengths[this.layer] ?? 1;
  }

  setStrength(value) {
    this.strengths[this.layer] = value;
    this.stage.request();
  }

  choose(layer) {
    this.layer = layer;
    this.stage.request();
  }

  // What is drawn in place of the engine's mask: a function of context, stage and strength; null: nothing is.
  replaceMask(marks, { untagged = false } = {}) {
    this.marks = marks;
    this.untagged = untagged;
    this.stage.request();
  }

  hide(hidden) {
    this.hidden = hidden;
    this.stage.request();
  }

  hold(held) {
    if (this.held === held) return;
    this.held = held;
    this.stage.request();
  }

  light(id) {
    if (this.lit === id) return;
    this.lit = id;
    this.stage.request();
  }

  draw(context, stage) {
    const covered = this.hidden || this.held;
    stage.box.dataset.covered = covered;
    const untagged = covered || this.untagged;
    this.tags.place(stage, untagged);
    context.save();
    context.translate(stage.left, stage.top);
    context.scale(stage.scale, stage.scale);
    context.imageSmoothingEnabled = stage.scale < 3;
    if (this.picture) context.drawImage(this.picture, 0, 0, stage.width, stage.height);
    const layer = this.layer === "photo" ? null : this.drawn[this.layer];
    if (layer && !covered) {
      context.globalAlpha = this.strength();
      context.drawImage(layer, 0, 0, stage.width, stage.height);
      context.globalAlpha = 1;
    }
    const strength = layer ? 0 : this.strength();
    if (!covered && this.marks) this.marks(context, stage, strength);
    else if (!covered && this.mask) this.mask.draw(context, stage, { strength, lit: this.lit });
    context.restore();
    if (!untagged) this.tags.drawLines(context);
  }
}
