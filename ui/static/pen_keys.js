// Keys on the canvas while a mask is corrected. Those with a single letter act anywhere in it, the others on the stage.
const TOOLS = { c: "click", b: "brush", e: "eraser", l: "lasso" };
const SIZE_STEP = 0.04; // of the slider

export class PenKeys {
  // desk: the correction, with its session, pen, crosshair and bar.
  constructor(desk) {
    this.desk = desk;
  }

  // Whether the key was ours.
  down(event) {
    const { pen, stage } = this.desk;
    if (!pen.active) return false;
    const act = this.letter(event) ?? (event.target === stage.box || event.key === "Escape" ? this.onStage(event) : null);
    act?.();
    return Boolean(act);
  }

  // The space bar is let go, or the focus went elsewhere.
  release() {
    this.desk.pen.spaced = false;
  }

  letter({ key, target }) {
    const { pen, bar } = this.desk;
    const small = key.toLowerCase();
    if (target.type === "range" && key.length > 1) return null;
    if (TOOLS[small]) return () => bar.tool(TOOLS[small]);
    if (small === "x") return () => bar.sign(!pen.adds);
    if (key === "[" || key === "]") return () => pen.resize(pen.reach + (key === "]" ? SIZE_STEP : -SIZE_STEP));
    return null;
  }

  onStage({ key, shiftKey }) {
    const { session, pen, crosshair } = this.desk;
    if (crosshair.isStep(key)) return () => crosshair.step(key, shiftKey);
    if (key === "Escape") return () => this.escape();
    if (key === " ") return () => { pen.spaced = true; };
    if (key === "Enter") return () => (session.offer && !crosshair.armed ? session.keep() : crosshair.act(shiftKey));
    if (key === "Tab" && session.state.offers.length > 1) return () => session.choose(session.state.chosen + (shiftKey ? -1 : 1));
    return null;
  }

  escape() {
    const { session, crosshair, pen } = this.desk;
    if (pen.gesture) return pen.cancel();
    if (session.offer || session.seeking) return session.drop();
    return crosshair.clear();
  }
}
