// Wheel, pointers and keys over the canvas. Keys act only while the focus is in it.
const PAN_PX = 40;

// pen: draws while a mask is corrected; keys: what its keys do then. Both leave alone what is not theirs.
export function listenToStage(section, stage, overlay, bars, { pen, keys }) {
  const box = stage.box;
  box.addEventListener("wheel", (event) => {
    if (event.deltaY > 0 && !stage.isZoomed()) return; // nothing to zoom out of: let the page scroll
    event.preventDefault();
    stage.zoom(Math.exp(-event.deltaY * 0.0016), ...within(box, event));
  }, { passive: false });
  box.addEventListener("dblclick", (event) => {
    if (pen.active) return;
    if (stage.isZoomed()) stage.fit();
    else stage.zoom(2.5, ...within(box, event));
  });
  box.addEventListener("contextmenu", (event) => { if (pen.active) event.preventDefault(); });
  listenToPointers(box, stage, pen);
  listenToKeys(section, stage, overlay, bars, keys);
}

function within(box, event) {
  const { left, top } = box.getBoundingClientRect();
  return [event.clientX - left, event.clientY - top];
}

// One pointer draws, or moves a zoomed picture; two zoom it and move it.
function listenToPointers(box, stage, pen) {
  const down = new Map();
  const spread = ([a, b]) => ({ x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2, length: Math.hypot(a[0] - b[0], a[1] - b[1]) });
  box.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".tag")) return;
    down.set(event.pointerId, within(box, event));
    const draws = down.size === 1 && pen.start(event, within(box, event));
    if (down.size === 2) pen.cancel();
    if (draws || stage.isZoomed() || down.size === 2) box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => {
    const [x, y] = within(box, event);
    if (down.size < 2) pen.move([x, y]);
    if (!down.has(event.pointerId)) return;
    const before = [...down.values()];
    const [fromX, fromY] = down.get(event.pointerId);
    down.set(event.pointerId, [x, y]);
    if (down.size === 1) {
      if (!pen.gesture && stage.isZoomed()) stage.pan(x - fromX, y - fromY);
      return;
    }
    const [was, is] = [spread(before), spread([...down.values()])];
    stage.zoom(is.length / Math.max(1, was.length), is.x, is.y);
    stage.pan(is.x - was.x, is.y - was.y);
  });
  box.addEventListener("pointerup", (event) => {
    if (down.delete(event.pointerId)) pen.end();
  });
  box.addEventListener("pointercancel", (event) => {
    down.delete(event.pointerId);
    pen.cancel();
  });
  box.addEventListener("pointerleave", () => pen.leave());
}

function listenToKeys(section, stage, overlay, bars, keys) {
  const act = {
    "+": () => stage.zoomStep(1), "=": () => stage.zoomStep(1), "-": () => stage.zoomStep(-1), 0: () => stage.fit(),
    v: () => bars.nextLayer(), o: () => bars.nextStrength(), f: () => bars.fullScreen(), h: () => overlay.hold(true),
  };
  const move = { ArrowLeft: [PAN_PX, 0], ArrowRight: [-PAN_PX, 0], ArrowUp: [0, PAN_PX], ArrowDown: [0, -PAN_PX] };
  section.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (keys.down(event)) return event.preventDefault();
    if (event.target === stage.box && stage.isZoomed() && move[event.key]) {
      event.preventDefault();
      return stage.pan(...move[event.key]);
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!act[key] || (event.target.type === "range" && !isNaN(key))) return;
    event.preventDefault();
    act[key]();
  });
  section.addEventListener("keyup", (event) => {
    if (event.key === " ") keys.release();
    if (event.key.toLowerCase() === "h") overlay.hold(false);
  });
  section.addEventListener("focusout", () => {
    keys.release();
    overlay.hold(false);
  });
}
