// A server's answer as proposals, and what a further click means for the open one.
import { Bitmap } from "./bitmap.js";

// Whether a click belongs to the open proposal. One of the other kind does not if it has work of its own to do.
export function isRefinement(click, { area, adds }, { mask }) {
  if (click.positive === adds || area.has(click.x, click.y)) return true;
  return click.positive === mask.has(click.x, click.y);
}

// The prompts as they are sent. The newest click says whether the area is added or removed; while a proposal is
// refined that stays what its first click said, so the nearest click of that kind goes last.
export function anchored({ clicks, box }, { clicks: before }) {
  const newest = clicks[clicks.length - 1];
  const first = before[0];
  const sent = { clicks, box_xyxy: box };
  if (!first || newest.positive === first.positive) return sent;
  const distance = ({ x, y }) => Math.hypot(x - newest.x, y - newest.y);
  const same = clicks.filter(({ positive }) => positive === first.positive);
  const anchor = same.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  return { ...sent, clicks: [...clicks.filter((click) => click !== anchor), anchor] };
}

// The areas offered, best first; an area apart from the open proposal comes to it rather than in its place.
export function offersOf(answer, { mask, offers, chosen }, click) {
  const open = offers[chosen];
  return (answer?.candidates ?? [])
    .filter(({ rle }) => rle.size[0] === mask.height && rle.size[1] === mask.width)
    .map(({ rle, adds }) => ({ area: Bitmap.fromRle(rle), adds }))
    .filter(({ area }) => area.area > 0)
    .map((offer) => (open && click && click.positive === offer.adds ? joined(offer, open) : offer));
}

function joined(offer, open) {
  if (open.adds !== offer.adds || open.area.meets(offer.area)) return offer;
  return { ...offer, area: offer.area.with(open.area, true) };
}
