// Pixels: from the outputs of a generator to canvases and PNG files.

/** A picture (height, width, 1 or 3 channels) of uint8, or of float32 in [-1, 1], as ImageData. */
export function toPixels(values, [height, width, channels]) {
  const picture = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = grey(values, i * channels + (c % channels));
    picture.data[4 * i + 3] = 255;
  }
  return picture;
}

// In float32, as in keras_gan/_utils/pixels.py. ImageData rounds half to even, and clips.
function grey(values, index) {
  if (values instanceof Uint8Array) return values[index];
  return Math.fround(Math.fround(values[index] + 1) * 127.5);
}

/** Draws a picture on a canvas, which gets the size of the picture. */
export function show(canvas, picture) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

const SMALLEST_CELL_PX = 48;
const GAP_PX = 2;

/** A grid of canvases in rows of `columns`, as `kgan sample` makes it from the same pictures. */
export function sheet(canvases, columns) {
  const [{ width, height }] = canvases;
  const zoom = Math.max(1, Math.ceil(SMALLEST_CELL_PX / height));
  const [stepX, stepY] = [width * zoom + GAP_PX, height * zoom + GAP_PX];
  const whole = document.createElement("canvas");
  whole.width = columns * stepX + GAP_PX;
  whole.height = Math.ceil(canvases.length / columns) * stepY + GAP_PX;
  const context = whole.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, whole.width, whole.height);
  context.imageSmoothingEnabled = false;
  canvases.forEach((canvas, i) => {
    const [x, y] = [(i % columns) * stepX + GAP_PX, Math.floor(i / columns) * stepY + GAP_PX];
    context.drawImage(canvas, x, y, width * zoom, height * zoom);
  });
  return whole;
}

/** Downloads a canvas as a PNG file. */
export async function save(canvas, name) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name.replace(/[^\w.-]+/g, "-")}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // later, since the browser may still be reading it
}
