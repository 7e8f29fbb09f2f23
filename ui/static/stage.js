// Where the picture stands: fitted, zoomed or moved, and redrawn at most once a frame.
const MOST = 24; // screen pixels for a picture pixel
const STEP = 1.5;

export class Stage {
  constructor(box, draw) {
    this.box = box;
    this.draw = draw;
    this.canvas = box.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.width = this.height = 1; // of the picture, pixels
    this.scale = 1;
    this.left = this.top = 0; // of the picture's corner, CSS pixels
    this.pending = false;
    new ResizeObserver(() => this.resize()).observe(box);
  }

  // A picture of that size, in pixels; fitted unless it is as large as the one before.
  show(width, height) {
    const same = width === this.width && height === this.height;
    [this.width, this.height] = [width, height];
    if (same) this.request();
    else this.fit();
  }

  resize() {
    const wasFitted = !this.isZoomed();
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.box;
    if (!clientWidth || !clientHeight) return;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      [this.canvas.width, this.canvas.height] = [width, height];
    }
    if (wasFitted) this.fit();
    else this.settle();
  }

  fitted() {
    return Math.min(this.box.clientWidth / this.width, this.box.clientHeight / this.height);
  }

  isZoomed() {
    return "zoomed" in this.box.dataset;
  }

  fit() {
    this.scale = this.fitted();
    delete this.box.dataset.zoomed;
    this.settle();
  }

  zoomStep(direction) {
    if (direction === 0) return this.fit();
    this.zoom(direction > 0 ? STEP : 1 / STEP, this.box.clientWidth / 2, this.box.clientHeight / 2);
  }

  // Zooms by a factor about a point of the stage.
  zoom(factor, x, y) {
    const least = this.fitted();
    const scale = Math.min(Math.max(this.scale * factor, least), Math.max(MOST, least));
    if (scale <= least * 1.001) return this.fit();
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.box.dataset.zoomed = "";
    this.settle();
  }

  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.settle();
  }

  // Keeps the picture in the middle where it is smaller than the stage, and covering it where it is larger.
  settle() {
    const hold = (at, length, room) => (length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at)));
    this.left = hold(this.left, this.width * this.scale, this.box.clientWidth);
    this.top = hold(this.top, this.height * this.scale, this.box.clientHeight);
    this.request();
  }

  toScreen(x, y) {
    return [this.left + x * this.scale, this.top + y * this.scale];
  }

  toPicture(x, y) {
    return [(x - this.left) / this.scale, (y - this.top) / this.scale];
  }

  request() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      const ratio = this.canvas.width / Math.max(1, this.box.clientWidth);
      this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.context.clearRect(0, 0, this.box.clientWidth, this.box.clientHeight);
      this.draw(this.context, this);
    });
  }
}
