// What a correction draws on the picture: the mask, the proposal, where was pointed at, and what is being drawn.
import { Mask } from "./mask.js";

const TAP_RADIUS_PX = 12;
const FULL = 7; // radians; more than a whole turn

export class Scene {
  constructor(pen, crosshair) {
    Object.assign(this, { pen, crosshair });
    this.outlines = new WeakMap(); // bitmap -> its outline
  }

  outlineOf(bitmap) {
    if (!this.outlines.has(bitmap)) this.outlines.set(bitmap, Mask.ofBitmap(bitmap));
    return this.outlines.get(bitmap);
  }

  // The context's unit is a picture pixel; strength: of the patterns, 0..1.
  draw(context, stage, strength, session) {
    this.outlineOf(session.state.mask).draw(context, stage, { kind: "mask", strength });
    const { offer, prompts } = session;
    if (offer) this.outlineOf(offer.area).draw(context, stage, { kind: kindOf(offer.adds), strength: Math.max(strength, 0.75) });
    if (prompts.box) frame(context, stage, prompts.box);
    for (const { x, y, positive } of prompts.clicks) tap(context, stage, x + 0.5, y + 0.5, positive);
    this.drawGesture(context, stage);
    this.drawCursor(context, stage);
  }

  drawGesture(context, stage) {
    const { gesture } = this.pen;
    if (!gesture || gesture.tool === "click") return;
    const { tool, points, adds } = gesture;
    const last = points[points.length - 1];
    if (tool === "box") return frame(context, stage, [...points[0], ...last]);
    const path = new Path2D();
    points.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
    if (tool === "lasso") path.closePath();
    context.save();
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = getComputedStyle(stage.box).getPropertyValue(`--${kindOf(adds)}`);
    context.globalAlpha = tool === "lasso" ? 1 : 0.6;
    context.lineWidth = tool === "lasso" ? 2.5 / stage.scale : this.pen.width;
    if (points.length === 1) path.lineTo(last[0] + 0.01, last[1]);
    context.stroke(path);
    context.restore();
  }

  drawCursor(context, stage) {
    const { pen } = this;
    const at = pen.crosshair ? pen.crosshair.map((value) => value + 0.5) : pen.hover;
    if (at && pen.draws()) ring(context, stage, at, pen.width / 2);
    if (!pen.crosshair) return;
    if (this.crosshair.corner) frame(context, stage, [...this.crosshair.corner, ...at]);
    const path = new Path2D();
    path.moveTo(at[0], 0);
    path.lineTo(at[0], stage.height);
    path.moveTo(0, at[1]);
    path.lineTo(stage.width, at[1]);
    cased(context, stage, path);
  }
}

export function kindOf(adds) {
  return adds ? "add" : "remove";
}

function cased(context, stage, path) {
  for (const [colour, width] of [["rgb(11 14 18 / 78%)", 3], ["#fff", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = width / stage.scale;
    context.stroke(path);
  }
}

function frame(context, stage, [x0, y0, x1, y1]) {
  const path = new Path2D();
  path.rect(x0, y0, x1 - x0, y1 - y0);
  cased(context, stage, path);
}

function ring(context, stage, [x, y], radius) {
  const path = new Path2D();
  path.arc(x, y, radius, 0, FULL);
  cased(context, stage, path);
}

// A disc with its sign: white adds, dark removes; as large at any zoom.
function tap(context, stage, x, y, positive) {
  const casing = getComputedStyle(stage.box).getPropertyValue("--casing");
  const [fill, line] = positive ? ["#fff", casing] : [casing, "#fff"];
  context.save();
  context.translate(x, y);
  context.scale(1 / stage.scale, 1 / stage.scale);
  context.beginPath();
  context.arc(0, 0, TAP_RADIUS_PX, 0, FULL);
  context.fillStyle = fill;
  context.fill();
  context.strokeStyle = line;
  context.lineWidth = 2;
  context.stroke();
  context.lineWidth = 2.6;
  context.beginPath();
  context.moveTo(-6, 0);
  context.lineTo(6, 0);
  if (positive) {
    context.moveTo(0, -6);
    context.lineTo(0, 6);
  }
  context.stroke();
  context.restore();
}
