// A mask in picture pixels. Values are never changed: each operation gives a new mask.
import { decode, encode } from "./rle.js";
import { surface } from "./pixels.js";

const STRIP_PX = 4_000_000; // read at once from a picture

export class Bitmap {
  // bits: bytes 0 or 1, column by column.
  constructor(width, height, bits = new Uint8Array(width * height)) {
    [this.width, this.height, this.unpacked] = [width, height, bits];
  }

  get bits() {
    this.unpacked ??= decode(this.rle);
    return this.unpacked;
  }

  // Lets go of the pixels until they are wanted again: a step that can be undone is not looked at.
  pack() {
    this.toRle();
    this.unpacked = null;
  }

  static fromRle(rle) {
    const mask = new Bitmap(rle.size[1], rle.size[0], null);
    mask.rle = rle;
    return mask;
  }

  // Where a grey picture, stretched to that size, lies above a level of 0 to 255.
  static fromImage(image, width, height, level, smooth = false) {
    const bits = new Uint8Array(width * height);
    const rows = Math.max(1, Math.min(height, Math.floor(STRIP_PX / width)));
    const context = surface(width, rows).getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = smooth;
    for (let top = 0; top < height; top += rows) {
      context.setTransform(1, 0, 0, 1, 0, -top);
      context.drawImage(image, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, Math.min(rows, height - top));
      for (let i = 0, y = top; i < data.length; y++) {
        for (let x = 0; x < width; x++, i += 4) if (data[i] > level) bits[x * height + y] = 1;
      }
    }
    return new Bitmap(width, height, bits);
  }

  toRle() {
    this.rle ??= encode(this.bits, this.width, this.height);
    return this.rle;
  }

  has(x, y) {
    return x >= 0 && y >= 0 && x < this.width && y < this.height && this.bits[x * this.height + y] === 1;
  }

  get area() {
    this.marked ??= sumOf(this.bits);
    return this.marked;
  }

  get share() {
    return this.area / (this.width * this.height);
  }

  with(other, adds) {
    const bits = this.bits.slice();
    const { bits: changed } = other;
    for (let i = 0; i < bits.length; i++) if (changed[i]) bits[i] = adds ? 1 : 0;
    return new Bitmap(this.width, this.height, bits);
  }

  meets(other) {
    const [one, two] = [this.bits, other.bits];
    return one.some((bit, i) => bit && two[i]);
  }

  // The same no longer than `most` on a side, as bytes row by row, for drawing.
  sampled(most) {
    const scale = Math.min(1, most / Math.max(this.width, this.height));
    const width = Math.max(1, Math.round(this.width * scale));
    const height = Math.max(1, Math.round(this.height * scale));
    const bytes = new Uint8Array(width * height);
    const { bits } = this;
    for (let x = 0; x < width; x++) {
      const column = Math.floor(((x + 0.5) * this.width) / width) * this.height;
      for (let y = 0; y < height; y++) {
        bytes[y * width + x] = bits[column + Math.floor(((y + 0.5) * this.height) / height)];
      }
    }
    return { bytes, width, height };
  }
}

function sumOf(bits) {
  let sum = 0;
  for (let i = 0; i < bits.length; i++) sum += bits[i];
  return sum;
}
