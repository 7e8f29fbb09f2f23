// What pointers and the crosshair draw while a mask is corrected. Points are picture pixels; taps become clicks.
const TAP_PX = 5; // a pointer that moves no further has only tapped
const SIZES = [2, 400]; // screen pixels of brush and eraser at fit
const STROKES = ["brush", "eraser"];

export class Pen {
  // act: { click(point, adds), box(corners), stroke(points, radius, adds), loop(points, adds), changed() }
  constructor(stage, act) {
    Object.assign(this, { stage, act, tool: "click", adds: true, size: 24, active: false, crosshair: null });
    this.gesture = this.hover = null;
    this.spaced = false; // the space bar is down: drags move the picture
  }

  choose(tool) {
    this.tool = tool;
    this.cancel();
  }

  // Diameter in picture pixels.
  get width() {
    return this.size / this.stage.fitted();
  }

  get reach() { // of the slider, 0..1
    return Math.log(this.size / SIZES[0]) / Math.log(SIZES[1] / SIZES[0]);
  }

  resize(reach) {
    this.size = SIZES[0] * (SIZES[1] / SIZES[0]) ** Math.min(1, Math.max(0, reach));
    this.changed();
  }

  draws() {
    return STROKES.includes(this.tool);
  }

  changed() {
    this.act.changed();
    this.stage.request();
  }

  // Whether the drag that begins here draws; if not, it moves the picture.
  start(event, [x, y]) {
    if (!this.active || this.spaced || event.button === 1) return false;
    const tool = event.shiftKey && !this.draws() ? "box" : this.tool;
    this.gesture = { tool, adds: this.addsWith(tool, event.button === 2 || event.altKey), from: [x, y], points: [this.at(x, y)] };
    this.crosshair = null;
    this.stage.request();
    return true;
  }

  addsWith(tool, opposite) {
    if (STROKES.includes(tool)) return (tool === "brush") !== opposite;
    return this.adds !== opposite;
  }

  at(x, y) {
    const [px, py] = this.stage.toPicture(x, y);
    return [Math.min(Math.max(px, 0), this.stage.width), Math.min(Math.max(py, 0), this.stage.height)];
  }

  move([x, y]) {
    this.hover = this.active ? this.stage.toPicture(x, y) : null;
    if (!this.gesture) return this.stage.request();
    const { from, tool } = this.gesture;
    if (Math.hypot(x - from[0], y - from[1]) > TAP_PX) this.gesture.dragged = true;
    if (tool === "click" && this.gesture.dragged && this.stage.isZoomed()) this.pan(x, y);
    else this.gesture.points.push(this.at(x, y));
    this.stage.request();
  }

  pan(x, y) {
    const last = this.gesture.last ?? this.gesture.from;
    this.stage.pan(x - last[0], y - last[1]);
    this.gesture.last = [x, y];
  }

  end() {
    const { gesture } = this;
    this.cancel();
    if (!gesture) return;
    const { tool, adds, points, dragged } = gesture;
    if (tool === "click") return dragged ? null : this.click(points[0], adds);
    if (STROKES.includes(tool)) return this.act.stroke(points, this.width / 2, adds);
    if (!dragged) return this.click(points[0], adds); // a tap with box or lasso is a click
    if (tool === "box") return this.box(points[0], points[points.length - 1]);
    return this.act.loop(points, adds);
  }

  cancel() {
    this.gesture = null;
    this.stage.request();
  }

  leave() {
    this.hover = null;
    this.stage.request();
  }

  click([x, y], adds) {
    if (x < this.stage.width && y < this.stage.height) this.act.click([Math.floor(x), Math.floor(y)], adds);
  }

  box([ax, ay], [bx, by]) {
    const corners = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
    const [x0, y0, x1, y1] = [...corners.slice(0, 2).map(Math.floor), ...corners.slice(2).map(Math.ceil)];
    if (x1 > x0 && y1 > y0) this.act.box([x0, y0, x1, y1]);
  }
}
