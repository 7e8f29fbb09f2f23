// Lines and loops drawn by hand, as masks. Points are in picture pixels, radius too.
import { Bitmap } from "./bitmap.js";

// Everything within `radius` of the line through the points.
export function strokeOf(points, radius, width, height) {
  const mask = new Bitmap(width, height);
  points.forEach((end, i) => capsule(mask, points[Math.max(0, i - 1)], end, radius));
  return mask;
}

function capsule(mask, [ax, ay], [bx, by], radius) {
  const [x0, x1] = bounds(ax, bx, radius, mask.width);
  const [y0, y1] = bounds(ay, by, radius, mask.height);
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy || 1;
  const { bits, height } = mask;
  for (let x = x0; x <= x1; x++) {
    for (let y = y0; y <= y1; y++) {
      const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
      const t = Math.min(1, Math.max(0, (px * dx + py * dy) / length));
      if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= radius * radius) bits[x * height + y] = 1;
    }
  }
}

function bounds(a, b, radius, room) {
  return [Math.max(0, Math.floor(Math.min(a, b) - radius)), Math.min(room - 1, Math.ceil(Math.max(a, b) + radius))];
}

// Everything inside the loop; where it crosses itself, every second area.
export function loopOf(points, width, height) {
  const mask = new Bitmap(width, height);
  for (let x = 0; x < width; x++) {
    const crossings = crossingsAt(points, x + 0.5);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil(crossings[i] - 0.5));
      const to = Math.min(height, Math.ceil(crossings[i + 1] - 0.5));
      if (to > from) mask.bits.fill(1, x * height + from, x * height + to);
    }
  }
  return mask;
}

function crossingsAt(points, x) {
  const found = [];
  points.forEach(([bx, by], i) => {
    const [ax, ay] = points[(i || points.length) - 1];
    if (ax <= x !== bx <= x) found.push(ay + ((x - ax) / (bx - ax)) * (by - ay));
  });
  return found.sort((a, b) => a - b);
}
