// Numbered tags beside the regions, as buttons: they keep their size at any zoom and light what belongs to them.
const OUT_PX = [24, 22]; // from the outline to the tag's middle
const EDGE_PX = 17; // kept free at the stage's border
const APART_PX = 30;
const CORNERS = [[-1, -1], [1, -1], [-1, 1], [1, 1]];

export class Tags {
  constructor(box) {
    this.box = box;
    this.show([], null);
  }

  show(regions, mask) {
    this.box.replaceChildren(...regions.map(tagOf));
    this.tags = regions.map((region, i) => ({ node: this.box.children[i], ends: endsOf(region, mask), line: null }));
  }

  place(stage, hidden) {
    const taken = [];
    for (const tag of this.tags) {
      const spot = hidden ? null : bestSpot(tag.ends, stage, taken);
      tag.line = spot;
      tag.node.hidden = !spot;
      if (!spot) continue;
      taken.push(spot.tag);
      tag.node.style.transform = `translate(${spot.tag[0]}px, ${spot.tag[1]}px)`;
    }
  }

  drawLines(context) {
    context.lineWidth = 1.5;
    context.strokeStyle = "#fff";
    for (const { line } of this.tags) {
      if (!line) continue;
      context.beginPath();
      context.moveTo(...line.tag);
      context.lineTo(...line.end);
      context.stroke();
    }
  }
}

function tagOf({ id, label }) {
  const tag = document.createElement("button");
  tag.type = "button";
  tag.className = "tag";
  tag.dataset.region = id;
  tag.textContent = id;
  tag.setAttribute("aria-label", label);
  return tag;
}

// For each corner of the region's box: where a line would touch the outline, in picture pixels.
function endsOf({ id, box: [x0, y0, x1, y1] }, mask) {
  return CORNERS.map(([dx, dy]) => {
    const corner = [dx < 0 ? x0 : x1, dy < 0 ? y0 : y1];
    return { dx, dy, end: mask?.nearest(id, ...corner) ?? corner };
  });
}

// The first corner whose tag lies inside the stage and away from other tags; none where the region is out of sight.
function bestSpot(ends, stage, taken) {
  const { clientWidth: width, clientHeight: height } = stage.box;
  const inside = ([x, y], edge) => x >= edge && y >= edge && x <= width - edge && y <= height - edge;
  const spots = ends.map(({ dx, dy, end }) => {
    const [x, y] = stage.toScreen(...end);
    return { end: [x, y], tag: [x + dx * OUT_PX[0], y + dy * OUT_PX[1]] };
  }).filter(({ end }) => inside(end, 0));
  const free = (spot) => taken.every((other) => Math.hypot(other[0] - spot.tag[0], other[1] - spot.tag[1]) > APART_PX);
  const good = spots.find((spot) => inside(spot.tag, EDGE_PX) && free(spot)) ?? spots[0];
  if (!good) return null;
  const hold = (value, room) => Math.min(Math.max(value, EDGE_PX), room - EDGE_PX);
  return { end: good.end, tag: [hold(good.tag[0], width), hold(good.tag[1], height)] };
}
