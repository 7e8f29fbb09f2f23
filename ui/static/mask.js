// The mask on the picture: hatched, outlined over a dark casing, the lit region stronger than the others.
import { boxOf, trace } from "./outline.js";
import { pixelsOf, surface } from "./pixels.js";

const TRACED_SIDE_PX = 1600; // a larger mask is traced smaller; its outline is then off by less than a screen pixel
const CASING_PX = 5.5;
const LINE_PX = 2.5;
const HATCH_PX = 11;
const SLACK = 2; // traced pixels by which a loop may leave its region's box

export class Mask {
  // image: the 1-bit PNG; size: [width, height] of the picture; regions: with id and box [x0, y0, x1, y1].
  constructor(image, [width, height], regions) {
    const pixels = pixelsOf(image, TRACED_SIDE_PX);
    const inside = new Uint8Array(pixels.width * pixels.height);
    for (let i = 0; i < inside.length; i++) inside[i] = pixels.data[4 * i] > 127 ? 1 : 0;
    this.scale = [width / pixels.width, height / pixels.height];
    this.parts = new Map(); // region id, 0 for specks -> loops in picture pixels
    for (const loop of trace(inside, pixels.width, pixels.height)) {
      const scaled = loop.map((value, i) => value * this.scale[i % 2]);
      const id = this.ownerOf(scaled, regions);
      this.parts.set(id, [...(this.parts.get(id) ?? []), scaled]);
    }
    this.paths = new Map([...this.parts].map(([id, loops]) => [id, pathOf(loops)]));
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

  // strength: 0..1 of the hatch; 0 draws the outline alone. The context's unit is a picture pixel.
  draw(context, stage, strength, lit) {
    const colour = getComputedStyle(stage.box);
    const [line, casing] = [colour.getPropertyValue("--mask").trim(), colour.getPropertyValue("--casing").trim()];
    const hatch = hatched(context, line, stage.scale);
    context.lineJoin = "round";
    for (const [id, path] of this.paths) {
      const isLit = id === lit;
      if (strength || isLit) {
        context.globalAlpha = isLit ? Math.max(strength, 0.85) : strength;
        context.fillStyle = hatch;
        context.fill(path, "evenodd");
      }
      context.globalAlpha = 0.78;
      context.strokeStyle = casing;
      context.lineWidth = (CASING_PX + (isLit ? 2 : 0)) / stage.scale;
      context.stroke(path);
      context.globalAlpha = 1;
      context.strokeStyle = line;
      context.lineWidth = (LINE_PX + (isLit ? 1.5 : 0)) / stage.scale;
      context.stroke(path);
    }
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

// Diagonal lines that keep their width on the screen at any zoom.
function hatched(context, colour, scale) {
  const tile = surface(HATCH_PX * 2, HATCH_PX * 2);
  const brush = tile.getContext("2d");
  brush.globalAlpha = 0.4;
  brush.fillStyle = colour;
  brush.fillRect(0, 0, tile.width, tile.height);
  brush.globalAlpha = 1;
  brush.fillStyle = "rgb(207 178 255)";
  brush.fillRect(0, 0, 5, tile.height);
  const pattern = context.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(0.5 / scale).rotate(45));
  return pattern;
}
