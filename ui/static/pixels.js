// Pictures from addresses, and grey pictures in the colours of the map.
const RAMP = ["--map-0", "--map-1", "--map-2", "--map-3", "--map-4", "--map-5"];

export async function load(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

// The picture's pixels, no side longer than `most`; hard edges stay hard.
export function pixelsOf(image, most = Infinity) {
  const scale = Math.min(1, most / Math.max(image.naturalWidth, image.naturalHeight));
  const width = Math.max(1, Math.round(image.naturalWidth * scale));
  const height = Math.max(1, Math.round(image.naturalHeight * scale));
  const context = surface(width, height).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

export function surface(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

// A grey picture, 0 to 255, drawn in the ramp's colours.
export function tinted(image) {
  const pixels = pixelsOf(image);
  const colours = ramp();
  for (let i = 0; i < pixels.data.length; i += 4) {
    const from = pixels.data[i] * 4;
    pixels.data[i] = colours[from];
    pixels.data[i + 1] = colours[from + 1];
    pixels.data[i + 2] = colours[from + 2];
  }
  const canvas = surface(pixels.width, pixels.height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

function ramp() {
  const style = getComputedStyle(document.body);
  const context = surface(256, 1).getContext("2d", { willReadFrequently: true });
  const gradient = context.createLinearGradient(0, 0, 255, 0);
  RAMP.forEach((name, i) => gradient.addColorStop(i / (RAMP.length - 1), style.getPropertyValue(name).trim()));
  context.fillStyle = gradient;
  context.fillRect(0, 0, 256, 1);
  return context.getImageData(0, 0, 256, 1).data;
}
