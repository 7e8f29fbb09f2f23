// The mask's outline as closed loops along pixel edges, inside on the right.
const TURNS = [[1, 0], [0, 1], [-1, 0], [0, -1]]; // right, down, left, up

// inside: (height x width) bytes, nonzero = marked. Gives loops of corner points [x, y, x, y, ...] in its pixels.
export function trace(inside, width, height) {
  const is = (x, y) => x >= 0 && y >= 0 && x < width && y < height && inside[y * width + x] !== 0;
  const open = new Uint8Array((width + 1) * (height + 1)); // bit d: an edge leaves this corner in direction d
  const at = (x, y) => y * (width + 1) + x;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside[y * width + x]) continue;
      if (!is(x, y - 1)) open[at(x, y)] |= 1;
      if (!is(x + 1, y)) open[at(x + 1, y)] |= 2;
      if (!is(x, y + 1)) open[at(x + 1, y + 1)] |= 4;
      if (!is(x - 1, y)) open[at(x, y + 1)] |= 8;
    }
  }
  const loops = [];
  for (let start = 0; start < open.length; start++) {
    while (open[start]) loops.push(follow(open, start, width + 1));
  }
  return loops;
}

function follow(open, start, stride) {
  const points = [];
  let corner = start;
  let direction = Math.log2(open[start] & -open[start]);
  let last = -1;
  do {
    if (direction !== last) points.push(corner % stride, Math.floor(corner / stride));
    open[corner] &= ~(1 << direction);
    corner += TURNS[direction][0] + TURNS[direction][1] * stride;
    last = direction;
    // where two areas touch at a corner, the sharper turn stays with this one
    const next = [direction + 1, direction, direction + 3].map((d) => d % 4).find((d) => open[corner] & (1 << d));
    direction = next ?? direction;
  } while (corner !== start);
  return points;
}

// Smallest box around a loop: [x0, y0, x1, y1].
export function boxOf(loop) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < loop.length; i += 2) {
    box[0] = Math.min(box[0], loop[i]);
    box[1] = Math.min(box[1], loop[i + 1]);
    box[2] = Math.max(box[2], loop[i]);
    box[3] = Math.max(box[3], loop[i + 1]);
  }
  return box;
}
