// How areas are marked on the picture: colour, line and pattern each say what an area is, over a dark casing.
import { surface } from "./pixels.js";

const CASING_PX = 5.5;
const LINE_PX = 2.5;
const FINE = 2; // pixels of a pattern's tile for one of the screen, so that it stays sharp

const KINDS = {
  mask: { colour: "--mask", dash: [], tile: 11, turn: 45, pattern: diagonal },
  add: { colour: "--add", dash: [9, 5], tile: 11, turn: 0, pattern: dots },
  remove: { colour: "--remove", dash: [0.5, 5], tile: 10, turn: 45, pattern: crosses },
};
const tiles = new Map(); // kind and colour -> tile; a theme has its own

// path: in picture pixels, as the context is; strength: 0..1 of the pattern.
export function paint(context, stage, path, { kind, strength, isLit = false }) {
  const { dash } = KINDS[kind];
  const style = getComputedStyle(stage.box);
  const colour = style.getPropertyValue(KINDS[kind].colour).trim();
  context.save();
  context.lineJoin = "round";
  if (strength || isLit) {
    context.globalAlpha = isLit ? Math.max(strength, 0.85) : strength;
    context.fillStyle = patternOf(context, kind, colour, stage.scale);
    context.fill(path, "evenodd");
  }
  context.globalAlpha = 0.78;
  context.strokeStyle = style.getPropertyValue("--casing").trim();
  context.lineWidth = (CASING_PX + (isLit ? 2 : 0)) / stage.scale;
  context.stroke(path);
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = (LINE_PX + (isLit ? 1.5 : 0)) / stage.scale;
  context.lineCap = kind === "remove" ? "round" : "butt";
  context.setLineDash(dash.map((length) => length / stage.scale));
  context.stroke(path);
  context.restore();
}

// Patterns keep their width on the screen at any zoom.
function patternOf(context, kind, colour, scale) {
  const { tile: size, turn, pattern } = KINDS[kind];
  const key = `${kind} ${colour}`;
  if (!tiles.has(key)) {
    const tile = surface(size * FINE, size * FINE);
    const brush = tile.getContext("2d");
    brush.scale(FINE, FINE);
    brush.globalAlpha = kind === "mask" ? 0.4 : 0.24;
    brush.fillStyle = brush.strokeStyle = colour;
    brush.fillRect(0, 0, size, size);
    brush.globalAlpha = 1;
    pattern(brush, size);
    tiles.set(key, tile);
  }
  const filled = context.createPattern(tiles.get(key), "repeat");
  filled.setTransform(new DOMMatrix().scale(1 / FINE / scale).rotate(turn));
  return filled;
}

function diagonal(brush, size) {
  brush.fillStyle = "rgb(207 178 255)";
  brush.fillRect(0, 0, 2.5, size);
}

function dots(brush, size) {
  brush.beginPath();
  brush.arc(size / 2, size / 2, 1.8, 0, 7);
  brush.fill();
}

function crosses(brush, size) {
  brush.lineWidth = 1.6;
  brush.strokeRect(0, 0, size, size);
}
