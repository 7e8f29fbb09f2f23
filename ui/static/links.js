// What belongs together lights up together: claims, tiles and tags of one region, by data-region.
export function followLinks({ light, layer, example, again }) {
  const set = (id) => {
    document.querySelectorAll("[data-region]").forEach((node) => node.classList.toggle("lit", node.dataset.region === id));
    light(id ? Number(id) : null);
  };
  const regionOf = (node) => node?.closest?.("[data-region]")?.dataset.region ?? null;
  const focused = () => regionOf(document.activeElement);
  document.addEventListener("pointerover", (event) => set(regionOf(event.target) ?? focused()));
  document.addEventListener("pointerleave", () => set(focused()));
  document.addEventListener("focusin", (event) => set(regionOf(event.target)));
  document.addEventListener("focusout", (event) => set(regionOf(event.relatedTarget)));
  document.addEventListener("click", (event) => {
    const tile = event.target.closest("button.tile");
    if (tile) openTile(tile, layer);
    const chosen = event.target.closest("[data-example]");
    if (chosen) example(chosen.dataset.example);
    const asked = event.target.closest("[data-again]");
    if (asked) again(asked.dataset.again);
    const link = event.target.closest('a[href^="#"]');
    if (link) goTo(event, link.getAttribute("href").slice(1));
  });
}

// A pressed tile tells what it shows below the row, and shows its layer on the picture.
function openTile(tile, layer) {
  const opens = tile.getAttribute("aria-expanded") !== "true";
  const all = tile.closest(".evid").querySelectorAll("button.tile");
  for (const other of all) {
    const open = other === tile && opens;
    other.setAttribute("aria-expanded", String(open));
    document.getElementById(other.getAttribute("aria-controls")).hidden = !open;
  }
  if (tile.dataset.layer) layer(opens ? tile.dataset.layer : "photo");
}

function goTo(event, id) { // the page has a <base>, so the browser itself would load it anew
  const target = document.getElementById(id);
  if (!target) return;
  event.preventDefault();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
  target.focus({ preventScroll: true });
}
