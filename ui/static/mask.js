// The outline of a mask in picture pixels, a path for each region.
import { boxOf, trace } from "./outline.js";
import { paint } from "./marks.js";
import { pixelsOf } from "./pixels.js";

export const TRACED_SIDE_PX = 1600; // a larger mask is traced smaller; its outline is then off by less than a screen pixel
const SLACK = 2; // traced pixels by which a loop may leave its region's box

export class Mask {
  // sampled: {bytes, width, height}, row by row, nonzero = marked; size: [width, height] of the picture;
  // regions: with id and box [x0, y0, x1, y1].
  constructor({ bytes, width, height }, size, regions = []) {
    this.scale = [size[0] / width, size[1] / height];
    this.parts = new Map(); // region id, 0 for what belongs to none -> loops in picture pixels
    for (const loop of trace(bytes, width, height)) {
      const scaled = loop.map((value, i) => value * this.scale[i % 2]);
      const id = this.ownerOf(scaled, regions);
      this.parts.set(id, [...(this.parts.get(id) ?? []), scaled]);
    }
    this.paths = new Map([...this.parts].map(([id, loops]) => [id, pathOf(loops)]));
  }

  // image: the 1-bit PNG.
  static ofImage(image, size, regions) {
    const { data, width, height } = pixelsOf(image, TRACED_SIDE_PX);
    const bytes = new Uint8Array(width * height);
    for (let i = 0; i < bytes.length; i++) bytes[i] = data[4 * i] > 127 ? 1 : 0;
    return new Mask({ bytes, width, height }, size, regions);
  }

  static ofBitmap(bitmap) {
    return new Mask(bitmap.sampled(TRACED_SIDE_PX), [bitmap.width, bitmap.height]);
  }

  ownerOf(loop, regions) {
    const [x0, y0, x1, y1] = boxOf(loop);
    const slack = SLACK * Math.max(...this.scale);
    const area = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
    const around = regions.filter(({ box }) =>
      x0 >= box[0] - slack && y0 >= box[1] - slack && x1 <= box[2] + slack && y1 <= box[3] + slack);
    return around.sort((a, b) => area(a) - area(b))[0]?.id ?? 0;
  }

  // The corner of the region's outline nearest to a point, in picture pixels.
  nearest(id, x, y) {
    let best = null;
    let least = Infinity;
    for (const loop of this.parts.get(id) ?? []) {
      for (let i = 0; i < loop.length; i += 2) {
        const distance = Math.hypot(loop[i] - x, loop[i + 1] - y);
        if (distance < least) [least, best] = [distance, [loop[i], loop[i + 1]]];
      }
    }
    return best;
  }

  // strength: 0..1 of the pattern; 0 draws the outline alone. The context's unit is a picture pixel.
  draw(context, stage, { kind = "mask", strength, lit = null }) {
    for (const [id, path] of this.paths) paint(context, stage, path, { kind, strength, isLit: id !== 0 && id === lit });
  }
}

function pathOf(loops) {
  const path = new Path2D();
  for (const loop of loops) {
    path.moveTo(loop[0], loop[1]);
    for (let i = 2; i < loop.length; i += 2) path.lineTo(loop[i], loop[i + 1]);
    path.closePath();
  }
  return path;
}
