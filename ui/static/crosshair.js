// The crosshair: everything a pointer draws, by keys. Arrows move it, Enter acts where it stands.
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAST_PX = 10;

export class Crosshair {
  constructor(stage, pen) {
    Object.assign(this, { stage, pen, corner: null });
    this.armed = false; // moved since the last act: Enter acts there rather than keeps
  }

  step(key, fast) {
    const [dx, dy] = STEPS[key];
    const [x, y] = this.pen.crosshair ?? this.middle();
    const by = Math.max(1, Math.round((fast ? FAST_PX : 1) / this.stage.scale));
    const hold = (value, room) => Math.min(Math.max(value, 0), room - 1);
    this.pen.crosshair = [hold(x + dx * by, this.stage.width), hold(y + dy * by, this.stage.height)];
    this.armed = true;
    this.keepInSight();
  }

  isStep(key) {
    return key in STEPS;
  }

  middle() {
    const { clientWidth, clientHeight } = this.stage.box;
    return this.stage.toPicture(clientWidth / 2, clientHeight / 2).map(Math.floor);
  }

  keepInSight() {
    const { clientWidth, clientHeight } = this.stage.box;
    const [x, y] = this.stage.toScreen(...this.pen.crosshair);
    const over = (at, room) => Math.min(Math.max(at, 24), room - 24) - at;
    this.stage.pan(over(x, clientWidth), over(y, clientHeight));
  }

  act(opposite) {
    const point = (this.pen.crosshair ??= this.middle()).map((value) => value + 0.5);
    this.armed = false;
    const adds = this.pen.addsWith(this.pen.tool, opposite);
    if (this.pen.draws()) return this.pen.act.stroke([point], this.pen.width / 2, adds);
    if (this.pen.tool !== "box") return this.pen.click(point, adds);
    if (this.corner) this.pen.box(this.corner, point);
    this.corner = this.corner ? null : point;
    this.stage.request();
    return null;
  }

  clear() {
    this.armed = false;
    this.corner = this.pen.crosshair = null;
    this.stage.request();
  }
}
